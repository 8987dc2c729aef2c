import { expect, inject, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { kinds } from './installation.js';
import { chosen, runMatrices } from './kill-matrix.js';
import { killPointsOf, withoutMeaning } from './kill-points.js';

const isLong = process.env['KEYTURN_TEST_LONG'] === '1';
const hasRedis = inject('redis').url !== undefined;

for (const queue of ['redis', 'postgres'] as const) {
  const wanted = process.env['KEYTURN_KILL_QUEUE'] ?? (isLong ? queue : hasRedis ? 'redis' : 'postgres');
  it.runIf(wanted === queue && (queue === 'postgres' || hasRedis))(
    `a rotation ends sound wherever its worker is killed, with the queue on ${queue}`,
    { timeout: 900_000 },
    async (context) => {
      const points = kinds.map((kind) => chosen(killPointsOf(kind)));
      const shared = isLong ? { victims: 6, rotationsEach: 2 } : { victims: 2, rotationsEach: 48 };
      const { findings, points: count, killed } = await runMatrices(points, { queue, ...shared });
      const failed = new Set(findings.map((each) => each.split(': ', 2).join(': '))).size;
      reportFigure(
        context,
        `kill points on ${queue}: ${count - failed} passed / ${count}, ${withoutMeaning.length} without meaning; ${killed} processes killed`,
      );
      expect(findings).toEqual([]);
      expect(count).toBeGreaterThan(0);
    },
  );
}
