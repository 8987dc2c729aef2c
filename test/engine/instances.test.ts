import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/core/plan.js';
import type { ConsumerAnswer } from '../../src/ports/step-ports.js';
import { promptPolicy } from '../support/plans.js';
import { aScenario, bothLive, planned } from './driven.js';
import { World } from './world.js';

const quietMs = 10_000;
const maxSessionAgeMs = 20_000;
const policy: Plan['policy'] = { ...promptPolicy, quietMs, maxSessionAgeMs };

type Answer = ConsumerAnswer['answer'];
const said = (answer: Answer, instance: string): ConsumerAnswer => ({ consumer: 'app', instance, answer, reason: '' });

/** A rotation whose one consumer has instances; which of them answer what is said for each look of drain, from 1. */
function withInstances(
  looks: (look: number) => readonly ConsumerAnswer[],
  ends: 'completed' | 'parked',
  plan: Partial<Plan> = {},
): World {
  let look = 0;
  const world = new World(
    aScenario({
      ...planned({ policy, ...plan }),
      ends,
      meddle: (_, { authority, method }) => {
        if (authority?.step !== 'drain' || method !== 'challenge') return undefined;
        look += 1;
        return { answer: looks(look) };
      },
    }),
  );
  world.run();
  expect(world.oracle.violations).toEqual([]);
  return world;
}

/** How long after promote the old credential was switched off. Milliseconds. */
function waitedMs(world: World): number {
  const events = world.memory.state.load(world.plan.rotationId)?.events ?? [];
  const at = (kind: string, step: string) =>
    events.find(({ event }) => event.kind === kind && 'step' in event && event.step === step)?.atMs ?? Number.NaN;
  return at('StepIntended', 'disable') - at('StepDone', 'promote');
}

describe('a consumer of several instances', () => {
  it('is quiet from when its last instance has proved, not its first', () => {
    const bProves = 6;
    const world = withInstances(
      (look) => [said('proved', 'a'), said(look < bProves ? 'pending' : 'proved', 'b')],
      'completed',
    );
    expect(waitedMs(world)).toBe((bProves - 1) * policy.pollMs + quietMs);
  });

  it('of which one never proves is not proved by the other that answers in its place', () => {
    const world = withInstances((look) => [look % 15 === 1 ? said('pending', 'b') : said('proved', 'a')], 'parked');
    expect(world.state).toMatchObject({
      status: 'parked',
      because: { code: 'DRAIN_TIMED_OUT', facts: { finding: 'no proof from app' } },
    });
    expect(bothLive(world)).toBe(true);
  });

  it('waits for one that nobody hears of any more as long as for an open session', () => {
    const world = withInstances((look) => [look === 1 ? said('pending', 'b') : said('proved', 'c')], 'completed');
    expect(waitedMs(world)).toBe(policy.pollMs + maxSessionAgeMs);
  });

  it('waits for one again that comes back', () => {
    const world = withInstances(
      (look) => [look === 1 || look === 10 ? said('pending', 'b') : said('proved', 'c')],
      'completed',
    );
    expect(waitedMs(world)).toBe(10 * policy.pollMs + maxSessionAgeMs);
  });

  it('all of which have proved is quiet, whichever answers', () => {
    const world = withInstances((look) => [said('proved', look % 2 === 0 ? 'a' : 'b')], 'completed');
    expect(waitedMs(world)).toBe(quietMs);
  });
});

it('a consumer of which two instances must have proved is quiet from when the second has, however long ago the first had', () => {
  const bProves = 6;
  const consumers = [{ name: 'app', url: null, canary: false, required: true, cacheTtlMs: 0, instances: 2 }];
  const world = withInstances(
    (look) => [said('proved', look < bProves ? 'a' : look % 2 === 0 ? 'b' : 'a')],
    'completed',
    { consumers },
  );
  expect(waitedMs(world)).toBe((bProves - 1) * policy.pollMs + quietMs);
});
