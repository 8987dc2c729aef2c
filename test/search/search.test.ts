import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import type { Bounds } from './bounds.js';
import { type Explored, explore } from './explore.js';
import { takeaways } from './takeaways.js';
import { widerWorlds, worlds } from './worlds.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const copied = [
  'src/core',
  'src/contract',
  'src/ports',
  'src/engine',
  'src/adapters/memory',
  'workflows',
  'test/search',
  'test/support/plans.ts',
  'tsconfig.json',
  'package.json',
];
const loader = import.meta.resolve('tsx');

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

describe.runIf(process.env['KEYTURN_TEST_LONG'] === '1')(
  'nor does one within wider bounds (takes minutes: npm run test:all)',
  () => searchEach(widerWorlds),
);

describe('a rule that is taken away is missed', { timeout: 300_000 }, () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keyturn-search-'));
    for (const path of copied) await cp(join(repository, path), join(folder, path), { recursive: true });
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function searched(world: string): Promise<Explored> {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', loader, join(folder, 'test/search/search-process.ts'), world],
      { cwd: folder },
    );
    return JSON.parse(stdout) as Explored;
  }

  for (const { name, file, find, replace, breaks } of takeaways) {
    it(name, async (context) => {
      const path = join(folder, file);
      const source = await readFile(path, 'utf8');
      expect(source.split(find).length, 'the text to replace stands in the source exactly once').toBe(2);
      await writeFile(
        path,
        source.replace(find, () => replace),
      );
      try {
        const { violation } = await searched(name);
        expect(violation?.what ?? 'nothing').toContain(`${breaks}:`);
        missed.push(name);
        const trace = violation?.trace.map((line) => `    ${line}`).join('\n') ?? '';
        reportFigure(context, `search without ${name} finds\n${trace}`);
      } finally {
        await writeFile(path, source);
      }
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
