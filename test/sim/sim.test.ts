import { describe, expect, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { isLong } from '../support/length.js';
import { type Tally, runCampaign } from './campaign.js';
import { regressions } from './regressions.js';
import { replayCommand } from './shrink.js';
import { runSeed } from './world.js';

/**
 * What fits the minutes that a suite has on two processors: some 150 seeds take a second of one, and those that are run
 * twice as much again. More of them are for `npm run sim`.
 */
const length = isLong
  ? { seeds: 100_000, twiceBelow: 10_000, processes: 2 }
  : { seeds: 10_000, twiceBelow: 300, processes: 2 };

/** What was violated, each with the command that replays it. */
const told = ({ findings }: Tally) =>
  findings.map((each) => `${each.invariant}: ${each.what} (${replayCommand(each)})`);

describe('the simulator', () => {
  it(`finds nothing violated in ${length.seeds} seeds`, { timeout: 0 }, async (context) => {
    const tally = await runCampaign({ from: 0, only: null, without: [], horizonMs: null, ...length }, length.processes);

    const rate = Math.round(tally.seeds / (tally.cpuMs / 1_000));
    const ends = Object.entries(tally.rotations).map(([status, count]) => `${count} ${status}`);
    reportFigure(context, `simulator: ${tally.seeds} seeds, ${tally.violations} violations, ${tally.events} events`);
    reportFigure(context, `simulator: ${ends.join(', ')}; ${rate} seeds per second of processor time`);
    reportFigure(context, `simulator: ${tally.twice} seeds run twice with equal traces`);
    expect(told(tally)).toEqual([]);
    expect(tally).toMatchObject({ seeds: length.seeds, violations: 0 });
  });

  it('gives another run for another seed', () => {
    expect(runSeed(1).hash).not.toBe(runSeed(2).hash);
  });

  it('leaves every actor its draws when kinds of fault that did not strike are dropped', () => {
    const others = Array.from({ length: 20 }, (_, seed) => {
      const run = runSeed(seed);
      return { seed, same: runSeed(seed, { only: new Set(Object.keys(run.struck)) }).hash === run.hash };
    }).filter(({ same }) => !same);
    expect(others).toEqual([]);
  });
});

describe('what was once violated holds now', () => {
  for (const { name, regression } of regressions()) {
    it(`${name}: ${regression.what}`, () => {
      const { only, horizonMs } = regression;
      expect(runSeed(regression.seed, { only: new Set(only), horizonMs }).violations).toEqual([]);
    });
  }

  it('and every one that is kept says what it was', (context) => {
    const kept = regressions();
    reportFigure(context, `simulator: ${kept.length} runs kept that once violated something`);
    expect(kept.filter(({ regression }) => !/^([ILA]\d+|non-determinism)$/.test(regression.invariant))).toEqual([]);
  });
});
