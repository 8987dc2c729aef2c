import { describe, expect, it } from 'vitest';
import { redeliverInMs, webhookType } from '../../src/core/delivery.js';
import { evolve } from '../../src/core/rotation.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { done, stateAfter } from '../support/journal.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

function typeOf(event: RotationEvent, before: readonly RotationEvent[] = []) {
  const state = stateAfter(before);
  return webhookType(event, evolve(state, { seq: 99, atMs: 0, epoch: 1, event }));
}

describe('an event is told by', () => {
  const stepDone = (step: string): RotationEvent => ({ kind: 'StepDone', step, output: null, tookMs: 1 });
  const undoDone = (step: string): RotationEvent => ({ kind: 'UndoDone', step, tookMs: 1 });

  it.each<[string | undefined, RotationEvent]>([
    ['rotation.canary', { kind: 'GateOpened', step: 'canary' }],
    [undefined, { kind: 'GateOpened', step: 'drain' }],
    ['rotation.promoted', stepDone('promote')],
    ['rotation.promoted', stepDone('swap')],
    [undefined, stepDone('create')],
    ['rotation.rolled_back', undoDone('promote')],
    ['rotation.rolled_back', undoDone('swap')],
    [undefined, undoDone('create')],
    ['rotation.parked', { kind: 'Parked', code: 'HELD', facts: {} }],
    ['rotation.completed', { kind: 'RotationClosed', status: 'completed' }],
    ['rotation.rolled_back', { kind: 'RotationClosed', status: 'rolled_back' }],
    ['rotation.rolled_back', { kind: 'RotationClosed', status: 'cancelled' }],
    [undefined, { kind: 'StepIntended', step: 'promote', attempt: 1 }],
    [undefined, { kind: 'RollbackDecided', code: 'CANCELLED', facts: {} }],
  ])('%s', (type, event) => {
    expect(typeOf(event)).toBe(type);
  });

  it.each(['promote', 'swap'])('going back once only: the undo of %s has told it already', (step) => {
    const before: RotationEvent[] = [...done(step), { kind: 'UndoIntended', step, attempt: 1 }, undoDone(step)];
    expect(typeOf({ kind: 'RotationClosed', status: 'rolled_back' }, before)).toBeUndefined();
  });
});

describe('an endpoint that failed', () => {
  it('is tried again on the schedule that Standard Webhooks recommends, then given up', () => {
    const delays = Array.from({ length: 10 }, (_, index) => redeliverInMs(index + 1, null, 0));
    expect(delays).toEqual([
      5_000,
      5 * minuteMs,
      30 * minuteMs,
      2 * hourMs,
      5 * hourMs,
      10 * hourMs,
      14 * hourMs,
      20 * hourMs,
      24 * hourMs,
      null,
    ]);
  });

  it('is given the time it asks for, a day at the most', () => {
    expect(redeliverInMs(1, 60_000, 0)).toBe(60_000);
    expect(redeliverInMs(2, 60_000, 0)).toBe(5 * minuteMs);
    expect(redeliverInMs(1, 99 * hourMs, 0)).toBe(24 * hourMs);
    expect(redeliverInMs(10, 60_000, 0)).toBeNull();
  });

  it('comes back up to a tenth later, by chance', () => {
    expect(redeliverInMs(2, null, 0.5)).toBe(5 * minuteMs + 15_000);
    expect(redeliverInMs(2, null, 1)).toBe(5 * minuteMs + 30_000);
  });
});
