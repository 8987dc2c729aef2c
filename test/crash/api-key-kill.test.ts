import { expect, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { chosen, runMatrix } from './kill-matrix.js';
import { killPointsOf } from './kill-points.js';

// What a provider shows once is lost with the process that was to write it down. The rotation that was killed there must
// find the key by its tag, destroy it and have another one made: one live key, and the store names it.
it('a key of a provider ends sound wherever its worker is killed', { timeout: 1_800_000 }, async (context) => {
  const points = chosen(killPointsOf('api-key'));
  const { findings, failed, killed } = await runMatrix({
    queue: 'postgres',
    points,
    victims: 1,
    rotationsEach: 32,
    leaseMs: 3_000,
  });
  const told = `${points.length - failed} passed / ${points.length}; ${killed} processes killed`;
  reportFigure(context, `kill points of provider-born keys: ${told}`);
  expect(findings).toEqual([]);
  expect(points.length).toBeGreaterThan(0);
});
