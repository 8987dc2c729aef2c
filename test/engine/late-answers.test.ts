import { describe, expect, it } from 'vitest';
import { PROOF_MAX_AGE_MS } from '../../src/core/consumer-facts.js';
import { LATE_LOOK_MS } from '../../src/core/evidence.js';
import type { ConsumerAnswer } from '../../src/ports/step-ports.js';
import { promptPolicy } from '../support/plans.js';
import { aScenario, bothLive, planned } from './driven.js';
import { World } from './world.js';

const consumer = 'app';
const later: ConsumerAnswer = { consumer, instance: null, answer: 'pending', reason: 'it answers later', late: true };

/**
 * A rotation whose one consumer answers each challenge of drain so long after it, and never at once; undefined: not at
 * all. What it has answered counts while its challenge is young, as `httpConsumers` has it.
 */
function answeringLate(afterMs: number | undefined, ends: 'completed' | 'parked'): World {
  const asked: number[] = [];
  const policy = { ...promptPolicy, pollMs: 300_000, quietMs: 70_000, drainMaxMs: 1_200_000 };
  const world = new World(
    aScenario({
      ...planned({ policy }),
      ends,
      meddle: (_, { authority, method }) => {
        if (authority?.step !== 'drain' || method !== 'challenge') return undefined;
        const { nowMs } = authority;
        const atMs = asked
          .filter((at) => afterMs !== undefined && at + afterMs <= nowMs && nowMs - at < PROOF_MAX_AGE_MS)
          .at(-1);
        asked.push(nowMs);
        const proved = (at: number): ConsumerAnswer => ({
          ...later,
          instance: 'web-1',
          answer: 'proved',
          reason: '',
          atMs: at,
        });
        return { answer: [atMs === undefined ? later : proved(atMs)] };
      },
    }),
  );
  world.run();
  expect(world.oracle.violations).toEqual([]);
  return world;
}

describe('a consumer that only ever answers late', () => {
  it.each([1, LATE_LOOK_MS, 2 * LATE_LOOK_MS])(
    'by %s ms lets drain pass, where a gate looks every five minutes and quiet takes longer than a proof is young',
    (afterMs) => {
      const world = answeringLate(afterMs, 'completed');
      expect(world.state.status).toBe('completed');
    },
  );

  it.each([undefined, PROOF_MAX_AGE_MS])('by %s ms lets it park with both credentials alive', (afterMs) => {
    const world = answeringLate(afterMs, 'parked');
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'DRAIN_TIMED_OUT' } });
    expect(bothLive(world)).toBe(true);
  });
});
