import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/errors.js';
import { type RotationState, orphaned, servedUntil, stepState } from '../../src/core/rotation.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { aConsumer } from '../support/evidence.js';
import { type Written, done, passed, requestedMs, stateAfter } from '../support/journal.js';

const intended = (step: string, attempt = 1): RotationEvent => ({ kind: 'StepIntended', step, attempt });
const undoing = (step: string, attempt = 1): RotationEvent => ({ kind: 'UndoIntended', step, attempt });
const undone = (step: string): RotationEvent => ({ kind: 'UndoDone', step, tookMs: 1 });
const failed = (step: string, certain: boolean): RotationEvent => ({
  kind: 'StepFailed',
  step,
  code: 'TARGET_UNREACHABLE',
  facts: {},
  certain,
  retryInMs: 9,
});
const rollback: RotationEvent = { kind: 'RollbackDecided', code: 'CANCELLED', facts: {} };
const parked: RotationEvent = { kind: 'Parked', code: 'HELD', facts: {} };
const resumed: RotationEvent = { kind: 'CommandTaken', command: 'resume', commandId: 1, by: 'local:kim', reason: '' };

const stepAfter = (step: string, events: readonly (RotationEvent | Written)[]) => stepState(stateAfter(events), step);

it('a step that has not been reached is idle, and has nothing to say', () => {
  expect(stepAfter('drain', [])).toEqual({
    phase: 'idle',
    attempt: 0,
    failures: 0,
    output: null,
    dueMs: 0,
    openedMs: 0,
    doneMs: 0,
    meant: false,
    touched: false,
    last: '',
    acceptedMs: 0,
  });
});

it('what a target goes on accepting is counted from the first time, whatever fails between', () => {
  const failedAt = (code: ErrorCode, afterMs: number) => ({
    event: { kind: 'StepFailed', step: 'destroy', code, facts: {}, certain: true, retryInMs: 1 } as const,
    afterMs,
  });
  const { acceptedMs } = stepAfter('destroy', [
    failedAt('TARGET_UNREACHABLE', 1),
    failedAt('STILL_ACCEPTED', 2),
    failedAt('TARGET_UNREACHABLE', 3),
    failedAt('STILL_ACCEPTED', 4),
  ]);
  expect(acceptedMs).toBe(requestedMs + 2);
});

describe('an act that is taken back', () => {
  const half = [intended('disable'), failed('disable', false), undoing('disable', 2)];

  it('is undoing, then undone, and no longer says how it failed', () => {
    expect(stepAfter('disable', half)).toMatchObject({ phase: 'undoing', attempt: 2, last: 'TARGET_UNREACHABLE' });
    expect(stepAfter('disable', [...half, undone('disable')])).toMatchObject({ phase: 'undone', last: '' });
  });

  it('keeps count of its failures where it is taken back to be tried again', () => {
    expect(stepAfter('disable', [...half, undone('disable')]).failures).toBe(1);
  });

  it('has none left where the rotation goes back', () => {
    const back = [...half, rollback, failed('disable', true)];
    expect(stepAfter('disable', back).failures).toBe(1);
    expect(stepAfter('disable', [...back, undone('disable')]).failures).toBe(0);
  });
});

describe('an intent', () => {
  it('is not opened by a failure that had none, such as that of a raise', () => {
    expect(stateAfter([failed('create', false)]).intent).toBeNull();
  });

  it('is not closed by the end of another step', () => {
    const { intent } = stateAfter([intended('create')]);
    expect(stateAfter([intended('create'), ...passed('look').slice(1)]).intent).toEqual(intent);
  });

  it('of each step is unsettled on its own', () => {
    const state: RotationState = stateAfter([intended('create'), { event: intended('create'), epoch: 2 }]);
    const other: RotationState = { ...state, intent: { ...state.intent!, step: 'stage', epoch: 1 } };
    expect(orphaned(other, 2).map(({ step }) => step)).toEqual(['create', 'stage']);
  });
});

it('replacing a value touches the proposal and the step that was refused, and no other', () => {
  const events = [...passed('preflight', 'seen'), ...done('propose'), ...done('stage'), intended('create')];
  const replaced: RotationEvent = { kind: 'ValueReplaced', step: 'create', code: 'VALUE_REJECTED' };
  const phases = Object.entries(stateAfter([...events, replaced]).steps).map(([name, { phase }]) => [name, phase]);
  expect(Object.fromEntries(phases)).toEqual({ preflight: 'done', propose: 'idle', stage: 'done', create: 'idle' });
});

it('a resume gives an open gate its time anew, and an act goes on counting its tries', () => {
  const events = [...passed('look'), intended('create', 4), failed('create', true), parked];
  expect(stepAfter('create', [...events, resumed])).toMatchObject({ attempt: 4, failures: 0, openedMs: 0 });
});

it('the new credential is served until the longest cache has forgotten it, counted from when the label went back', () => {
  const consumers = [aConsumer({ cacheTtlMs: 30_000 }), aConsumer({ name: 'batch', cacheTtlMs: 20_000 })];
  const until = (...events: readonly (RotationEvent | Written)[]) => servedUntil(stateAfter(events, { consumers }));
  expect(until(...done('create'))).toBe(0);
  expect(until(...done('promote'))).toBe(0);
  expect(until(...done('promote'), { event: undone('promote'), afterMs: 500 })).toBe(requestedMs + 30_500);
});
