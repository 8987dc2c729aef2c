import { expect, inject, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { isLong, isOnlyLong } from '../support/length.js';
import { kinds } from './installation.js';
import { chosen, runMatrices } from './kill-matrix.js';
import { killPointsOf, withoutMeaning } from './kill-points.js';

/** Fewer rotations die with each process: six times as many kills, in some six minutes for each queue on a busy machine. */
const isFine = process.env['KEYTURN_CRASH_LONG'] === '1';
const hasRedis = inject('redis').url !== undefined;

/**
 * Every point once; with few rotations for each worker process, or with many. Of many a busy machine renews no lease of
 * 1 s in time: each is lost, taken again and lost again, and nobody comes to his point. They wait for it together.
 */
const share = isFine ? { victims: 3, rotationsEach: 4 } : { victims: 1, rotationsEach: 32, leaseMs: 3_000 };

/** Every point once on one queue where time is short; what is left of it is the other queue. */
const inShort = hasRedis ? 'redis' : 'postgres';
const inLong = hasRedis ? 'postgres' : null;

for (const queue of ['redis', 'postgres'] as const) {
  const wanted = process.env['KEYTURN_KILL_QUEUE'] ?? (isOnlyLong ? inLong : isLong ? queue : inShort);
  it.runIf(wanted === queue && (queue === 'postgres' || hasRedis))(
    `a rotation ends sound wherever its worker is killed, with the queue on ${queue}`,
    { timeout: 1_800_000 },
    async (context) => {
      const points = kinds.map((kind) => chosen(killPointsOf(kind)));
      // At the same time, because some wait (a folder takes seconds to settle) while others work.
      const matrices = points.map((each) => ({ queue, points: each, ...share }));
      const { findings, points: count, failed, killed } = await runMatrices(matrices);
      const told = `${count - failed} passed / ${count}, ${kinds.flatMap(withoutMeaning).length} without meaning`;
      reportFigure(context, `kill points on ${queue}: ${told}; ${killed} processes killed`);
      expect(findings).toEqual([]);
      expect(count).toBeGreaterThan(0);
    },
  );
}

it('an effect that is no kill point of a rotator has no meaning there, and it is said why', () => {
  const told = kinds.flatMap(withoutMeaning);
  expect(new Set(told.map(({ kind }) => kind))).toEqual(new Set(kinds));
  expect(told.filter(({ why }) => why === '')).toEqual([]);
});

it.runIf(isLong)(
  'a rotation ends sound wherever its worker is killed, with the lease as shipped',
  { timeout: 900_000 },
  async (context) => {
    const points = killPointsOf('two-role').filter(({ position }) => position.startsWith('after it took effect'));
    const dozen = points.filter((_, index) => index % Math.floor(points.length / 12) === 0).slice(0, 12);
    const matrix = { queue: 'postgres', points: chosen(dozen), victims: 4, rotationsEach: 1, leaseMs: null } as const;
    const { findings, points: count, failed } = await runMatrices([matrix]);
    reportFigure(context, `kill points with the lease as shipped: ${count - failed} passed / ${count}`);
    expect(findings).toEqual([]);
  },
);
