import { expect, it } from 'vitest';
import { type CanaryFacts, judgeCanary } from '../../src/core/canary.js';
import { judgeDrain } from '../../src/core/drain.js';
import { gateLimit } from '../../src/core/gate-limit.js';
import type { Json } from '../../src/core/json.js';
import type { Policy } from '../../src/core/policy.js';
import type { RotationState } from '../../src/core/rotation.js';
import { aConsumer, aMoment, aProof, answers, drainFacts, expected } from '../support/evidence.js';
import { type Written, requestedMs, stateAfter } from '../support/journal.js';
import { aPlan, promptPolicy } from '../support/plans.js';

const policy: Policy = { ...promptPolicy, canaryMaxMs: 30_000, drainMaxMs: 60_000, soakMs: 5_000 };
const plan = aPlan({ policy, consumers: [aConsumer()] });
const openedMs = requestedMs + 1_000;
const unproved = [aProof({ answer: 'pending' })];

/** After a gate opened, waited on these facts, and whatever came then. */
const waiting = (step: string, facts: Json, then: readonly Written[] = [], change: Partial<Policy> = {}) =>
  stateAfter(
    [
      { event: { kind: 'GateOpened', step }, afterMs: 1_000 },
      { event: { kind: 'GateWaiting', step, facts, why: 'no proof from app', againInMs: 1_000 }, afterMs: 2_000 },
      ...then,
    ],
    { policy: { ...policy, ...change }, consumers: [aConsumer()] },
  );

const canaryFacts = (change: Partial<CanaryFacts> = {}): CanaryFacts => ({
  atMs: openedMs,
  answers: answers('accepted'),
  consumers: unproved,
  checks: [],
  wellSinceMs: null,
  wellMs: 0,
  beganMs: 0,
  ...change,
});

const limitOf = (state: RotationState, step: string, isHeld = false) => gateLimit(state, step, { isHeld });

/** How the canary is judged a millisecond before this time, and at it. */
const canaryAround = (atMs: number, facts: CanaryFacts, opened = openedMs) =>
  [atMs - 1, atMs].map(
    (nowMs) => judgeCanary({ plan, moment: aMoment({ nowMs, openedMs: opened }) }, { ...facts, atMs: nowMs }).kind,
  );

it.each([
  ['at its first look', canaryFacts()],
  ['after it was well for a while', canaryFacts({ beganMs: openedMs, wellMs: 7_000 })],
])('the canary turns back at its limit %s, and not before', (_, facts) => {
  const limit = limitOf(waiting('canary', facts), 'canary');

  expect(limit).toMatchObject({ setting: 'canaryMax', maxMs: 30_000, then: 'turns back' });
  expect(canaryAround(limit?.atMs ?? 0, facts)).toEqual(['wait', 'fail']);
});

it('a canary that was let go on has its time anew', () => {
  const facts = canaryFacts({ beganMs: openedMs, wellMs: 7_000 });
  const state = waiting('canary', facts, [
    { event: { kind: 'Parked', code: 'CANARY_UNDECIDED', facts: {} }, afterMs: 40_000 },
    {
      event: { kind: 'CommandTaken', command: 'resume', commandId: 1, by: 'local:me', reason: '' },
      afterMs: 50_000,
    },
  ]);

  const limit = limitOf(state, 'canary');

  expect(limit?.atMs).toBe(requestedMs + 50_000 + 30_000);
  expect(canaryAround(limit?.atMs ?? 0, facts, requestedMs + 50_000)).toEqual(['wait', 'fail']);
});

it('a canary that is well and soaks has no limit, and one that may park says so', () => {
  expect(limitOf(waiting('canary', canaryFacts({ wellSinceMs: openedMs })), 'canary')).toBeNull();
  const undecided = waiting('canary', canaryFacts(), [], { unknownChecks: 'park' });
  expect(limitOf(undecided, 'canary')?.then).toBe('turns back or parks');
});

it('drain parks at its limit, and not before; while it is held nothing is counted', () => {
  const facts = drainFacts({ consumers: unproved });
  const state = waiting('drain', facts);
  const limit = limitOf(state, 'drain');

  expect(limit).toMatchObject({ setting: 'drainMax', maxMs: 60_000, then: 'parks' });
  const kinds = [-1, 0].map((offset) => {
    const moment = aMoment({ nowMs: (limit?.atMs ?? 0) + offset, openedMs });
    return judgeDrain({ plan, moment }, { expected, promotedMs: openedMs }, facts).kind;
  });
  expect(kinds).toEqual(['wait', 'park']);
  expect(limitOf(state, 'drain', true)).toBeNull();
});

it('another gate has none, and facts of another shape are no reason to fail', () => {
  expect(limitOf(waiting('watch', {}), 'watch')).toBeNull();
  for (const facts of [null, 'text', {}, { beganMs: 'then' }])
    expect(limitOf(waiting('canary', facts), 'canary')?.atMs).toBe(openedMs + 30_000);
});
