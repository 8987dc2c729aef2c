import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { isLong } from '../support/length.js';
import { catchAll } from './plant.js';
import { plantedBugs } from './planted-bugs.js';

const repository = new URL('../../', import.meta.url);

describe('a planted bug', () => {
  for (const { name, edits } of plantedBugs) {
    it(`${name}: stands where it is put`, async () => {
      for (const { file, find } of edits) {
        const source = await readFile(fileURLToPath(new URL(file, repository)), 'utf8');
        expect(source.split(find).length, `${file} holds the text to replace once`).toBe(2);
      }
    });
  }

  it('is one of forty or more, each named once', () => {
    expect(plantedBugs.length).toBeGreaterThanOrEqual(40);
    expect(new Set(plantedBugs.map((each) => each.name)).size).toBe(plantedBugs.length);
  });
});

describe.runIf(isLong)('planted bugs (takes minutes: npm run test:all)', () => {
  // By seeds that violate nothing where nothing is planted: those of `sim.test.ts` begin with every one that is tried here.
  it('are all found', { timeout: 2_400_000 }, async (context) => {
    const { missed } = await catchAll(plantedBugs, () => undefined);
    reportFigure(context, `planted bugs: ${plantedBugs.length - missed.length} found / ${plantedBugs.length}`);
    expect(missed).toEqual([]);
  });
});
