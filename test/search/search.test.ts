import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { SourceCopy } from '../support/source-copy.js';
import { isLong } from '../support/length.js';
import type { Bounds } from './bounds.js';
import { type Explored, explore } from './explore.js';
import { takeaways } from './takeaways.js';
import { widerWorlds, worlds } from './worlds.js';

let visited = 0;
const missed: string[] = [];

function searchEach(bounded: readonly Bounds[]): void {
  for (const bounds of bounded) {
    it(bounds.name, { timeout: 600_000 }, (context) => {
      const { states, edges, depth, tookMs, complete, violation } = explore(bounds);
      expect(violation?.trace ?? null).toBeNull();
      expect(complete).toBe(true);
      expect(states).toBeGreaterThan(1_000);
      visited += states;
      const took = `${Math.round(tookMs / 1_000)} s`;
      reportFigure(
        context,
        `search of ${bounds.name}: ${states} states, ${edges} edges, ${depth} deviations deep, ${took}, 0 violations`,
      );
    });
  }
}

describe('no schedule within the bounds breaks an invariant', () => searchEach(worlds));

describe.runIf(isLong)('nor does one within wider bounds (takes minutes: npm run test:all)', () =>
  searchEach(widerWorlds),
);

const missing = 'a rule that is taken away is missed (takes minutes: npm run test:all)';
describe.runIf(isLong)(missing, { timeout: 300_000 }, () => {
  let copy: SourceCopy;

  beforeAll(async () => {
    copy = await SourceCopy.make('test/search');
  });

  afterAll(() => copy.remove());

  for (const { name, breaks, also = [], ...edit } of takeaways) {
    it(name, async (context) => {
      const searched = async (): Promise<Explored> =>
        (await copy.run('test/search/search-process.ts', name)) as Explored;
      const { violation } = await copy.planted([edit, ...also], searched);
      expect(violation?.what ?? 'nothing').toContain(`${breaks}:`);
      missed.push(name);
      const trace = violation?.trace.map((line) => `    ${line}`).join('\n') ?? '';
      reportFigure(context, `search without ${name} finds\n${trace}`);
    });
  }

  it('and so is each of the others', (context) => {
    expect(missed).toEqual(takeaways.map((each) => each.name));
    reportFigure(
      context,
      `exhaustive search: ${visited} states, 0 violations; takeaways found ${missed.length} / ${takeaways.length}`,
    );
  });
});
