import { availableParallelism } from 'node:os';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { Plot } from './plant.js';
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

describe.runIf(process.env['KEYTURN_TEST_LONG'] === '1')(
  'the simulator finds every planted bug (takes minutes: npm run test:all)',
  () => {
    const plots: Plot[] = [];
    afterAll(() => Promise.all(plots.map((each) => each.remove())));

    it('and nothing where nothing is planted', { timeout: 1_200_000 }, async (context) => {
      const waiting = [...plantedBugs];
      const missed: string[] = [];
      let latest = 0;
      const work = async (): Promise<void> => {
        const plot = await Plot.make();
        plots.push(plot);
        for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
          const caught = await plot.catches(bug);
          if (caught === null) missed.push(bug.name);
          else latest = Math.max(latest, caught.seed);
        }
      };
      await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
      expect(missed).toEqual([]);
      const [plot] = plots;
      expect(await plot?.firstCaught(latest + 1)).toBeNull();
      reportFigure(context, `planted bugs: ${plantedBugs.length - missed.length} found / ${plantedBugs.length}`);
    });
  },
);
