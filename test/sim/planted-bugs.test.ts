import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { catchAll } from './plant.js';
import { plantedBugs } from './planted-bugs.js';
import { runSeed } from './world.js';

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

describe.runIf(process.env['KEYTURN_TEST_LONG'] === '1')('planted bugs (takes minutes: npm run test:all)', () => {
  it('are all found, by seeds that violate nothing where nothing is planted', {
    timeout: 1_200_000,
  }, async (context) => {
    const { missed, latestSeed } = await catchAll(plantedBugs, () => undefined);
    reportFigure(context, `planted bugs: ${plantedBugs.length - missed.length} found / ${plantedBugs.length}`);
    expect(missed).toEqual([]);
    for (let seed = 0; seed <= latestSeed; seed += 1) expect(runSeed(seed).violations).toEqual([]);
  });
});
