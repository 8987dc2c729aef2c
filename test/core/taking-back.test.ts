import { describe, expect, it } from 'vitest';
import { contextOf } from '../../src/core/context.js';
import { type Facts, type WorkflowShape, decide } from '../../src/core/decide.js';
import type { Plan } from '../../src/core/plan.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { type Written, done, passed, requestedMs, stateAfter } from '../support/journal.js';
import { ableCapabilities } from '../support/plans.js';

const guard = { gate: 'drain', judge: () => ({ kind: 'stale', why: 'held' }) as const };
const workflow: WorkflowShape = {
  name: 'small',
  steps: [
    { kind: 'gate', name: 'look', whenBlind: 'undo' },
    { kind: 'act', name: 'make', touches: ['target'] },
    { kind: 'act', name: 'put', touches: ['store'] },
    { kind: 'gate', name: 'drain', whenBlind: 'park' },
    { kind: 'act', name: 'off', touches: ['target'], guard },
    { kind: 'final', name: 'end', touches: ['target'], guard },
  ],
};

const made = [...passed('look'), ...done('make')];
const drained = [...made, ...done('put'), ...passed('drain')];
const meant = (step: string, epoch = 1, afterMs = 0): Written => ({
  event: { kind: 'StepIntended', step, attempt: 1 },
  epoch,
  afterMs,
});
const taken = (kind: 'UndoIntended' | 'UndoDone' | 'UndoFailed', step: string, epoch = 1): Written => {
  const tried = { code: 'TARGET_UNREACHABLE', facts: {}, certain: false, retryInMs: 0 } as const;
  const events = {
    UndoIntended: { kind: 'UndoIntended', step, attempt: 2 },
    UndoDone: { kind: 'UndoDone', step, tookMs: 5 },
    UndoFailed: { kind: 'UndoFailed', step, ...tried },
  } as const;
  return { event: events[kind], epoch };
};
const failed = (step: string, epoch = 1): Written => ({
  event: { kind: 'StepFailed', step, code: 'TARGET_UNREACHABLE', facts: {}, certain: false, retryInMs: 0 },
  epoch,
});
const raised = (epoch: number): Written => ({ event: { kind: 'FenceRaised' }, epoch });
const rollback: RotationEvent = { kind: 'RollbackDecided', code: 'CANCELLED', facts: {} };

function decideAt(
  epoch: number,
  events: readonly (RotationEvent | Written)[],
  { plan = {}, nowMs = requestedMs }: { readonly plan?: Partial<Plan>; readonly nowMs?: number } = {},
) {
  const facts: Facts = { epoch, era: 1, nowMs, held: false, waived: [], guardSeq: 7, commands: [], refusedMs: null };
  return decide(workflow, stateAfter(events, plan), facts);
}

const intends = (kind: 'StepIntended' | 'UndoIntended', step: string, attempt: number) => ({
  kind: 'record',
  events: [expect.objectContaining({ kind, step, attempt })],
});
const looksAgain = { kind: 'record', events: [{ kind: 'GateReopened', step: 'drain', why: 'held' }] };

describe('a guarded act that may have happened, and is no longer allowed', () => {
  const half = [...drained, meant('off'), failed('off'), raised(2)];

  it('is taken back before its gate looks again, under an intent of its own', () => {
    expect(decideAt(2, half)).toEqual(intends('UndoIntended', 'off', 2));
    expect(decideAt(2, [...half, taken('UndoIntended', 'off', 2)])).toEqual({ kind: 'undo', step: 'off' });
  });

  it('is taken back again by the next executor where the last one died at it', () => {
    expect(decideAt(3, [...half, taken('UndoIntended', 'off', 2), raised(3)])).toEqual(
      intends('UndoIntended', 'off', 3),
    );
  });

  it('is left to the gate once it is taken back', () => {
    expect(decideAt(2, [...half, taken('UndoIntended', 'off', 2), taken('UndoDone', 'off', 2)])).toEqual(looksAgain);
  });

  it('is left to the gate where it was never meant', () => {
    expect(decideAt(1, drained)).toEqual(looksAgain);
  });
});

describe('a final that may have happened', () => {
  const destroying = [...drained, ...done('off'), { kind: 'DestroyDecided' } as const, meant('end')];

  it('is never taken back: its gate looks again', () => {
    expect(decideAt(2, [...destroying, raised(2)])).toEqual(looksAgain);
    // Not even to wait for what is late: it would destroy what is to be destroyed.
    const unfenced = { capabilities: { ...ableCapabilities, fence: false, settleMs: 8_000 } };
    expect(decideAt(2, destroying, { plan: unfenced })).toEqual(looksAgain);
  });

  it('is not undone even where a journal turns round after it', () => {
    expect(decideAt(2, [...destroying, rollback, raised(2)])).toEqual(intends('UndoIntended', 'off', 1));
  });
});

describe('an executor', () => {
  it('does nothing outside on the strength of the intent of another step', () => {
    expect(decideAt(1, [...passed('look'), meant('put')])).toEqual(intends('StepIntended', 'make', 1));
  });

  it('goes on with an undo whose failure an older one left open', () => {
    const events = [...made, ...done('put'), rollback, taken('UndoIntended', 'put'), taken('UndoFailed', 'put')];
    expect(decideAt(1, [...events, raised(1)])).toEqual({ kind: 'handover' });
    expect(decideAt(2, [...events, raised(2)])).toEqual(intends('UndoIntended', 'put', 3));
  });

  it('waits for nothing at a store that refuses late writes, even where the database has set its clock back', () => {
    const provider = { ...ableCapabilities, fence: false, origin: 'provider' } as const;
    const events = [...made, meant('put', 1, 10_000)];
    expect(decideAt(2, events, { plan: { capabilities: provider } })).toEqual(intends('StepIntended', 'put', 2));
    const slow = { capabilities: provider, storeSettleMs: 1 };
    expect(decideAt(2, events, { plan: slow })).toEqual({ kind: 'rest', untilMs: requestedMs + 10_001 });
  });
});

describe('what a step is told of the steps before it', () => {
  it('is nothing of a value that was replaced', () => {
    const replaced: RotationEvent = { kind: 'ValueReplaced', step: 'make', code: 'VALUE_REJECTED' };
    const state = stateAfter([
      ...passed('look', 'seen'),
      ...done('propose', { identity: 'b' }),
      meant('make'),
      replaced,
    ]);
    const moment = { nowMs: requestedMs, held: false, waived: [], guardSeq: 7 };
    expect(contextOf(state, moment, 'propose').before).toEqual({ look: 'seen' });
  });

  it('is on the way back what was made of such a value all the same, and nothing of what never was done', () => {
    const replaced: RotationEvent = { kind: 'ValueReplaced', step: 'make', code: 'VALUE_REJECTED' };
    const proposed = done('propose', { identity: 'b' });
    const state = stateAfter([...passed('look', 'seen'), ...proposed, meant('make'), replaced, rollback]);
    const moment = { nowMs: requestedMs, held: false, waived: [], guardSeq: 7 };
    expect(contextOf(state, moment, 'propose').before).toEqual({ look: 'seen', propose: { identity: 'b' } });
  });
});

it('a guarded act that may have happened stays as it is where the old credential is exposed', () => {
  const half = [...drained, meant('off'), failed('off')];
  expect(decideAt(2, [...half, raised(2)], { plan: { exposed: true } })).toEqual(looksAgain);
  expect(decideAt(2, [...half, raised(2)])).toEqual(intends('UndoIntended', 'off', 2));
});

describe('a guarded act that is taken back before a person is asked', () => {
  const asked = { code: 'OLD_STILL_NEEDED', facts: { consumer: 'app' } } as const;
  const decided: RotationEvent = { kind: 'TakeBackDecided', step: 'off', gate: 'drain', ...asked };
  const off = [...drained, meant('off'), ...done('off').slice(1), decided];
  const parks = { kind: 'record', events: [{ kind: 'Parked', ...asked }] };

  it('is taken back first, by whoever goes on, and asked about afterwards', () => {
    expect(decideAt(1, off)).toEqual(intends('UndoIntended', 'off', 2));
    const undoing = [...off, taken('UndoIntended', 'off')];
    expect(decideAt(1, undoing)).toEqual({ kind: 'undo', step: 'off' });
    expect(decideAt(2, [...undoing, raised(2)])).toEqual(intends('UndoIntended', 'off', 3));
    expect(decideAt(1, [...undoing, taken('UndoDone', 'off')])).toEqual(parks);
  });

  it('is handed over where nobody knows how taking it back ended', () => {
    expect(decideAt(1, [...off, taken('UndoIntended', 'off'), taken('UndoFailed', 'off')])).toEqual({
      kind: 'handover',
    });
  });

  it('is taken back once more where an older request may still land, and waits for that', () => {
    const plan = { capabilities: { ...ableCapabilities, fence: false, settleMs: 8_000 } };
    const late = [...drained, meant('off', 1), meant('off', 2), ...done('off').slice(1), decided];
    const undone = [...late, taken('UndoIntended', 'off', 2), taken('UndoDone', 'off', 2)];
    expect(decideAt(2, undone, { plan })).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
    expect(decideAt(2, undone, { plan, nowMs: requestedMs + 8_000 })).toEqual(intends('UndoIntended', 'off', 3));
  });

  it('begins anew with its gate once the person has said so', () => {
    const resumed: RotationEvent = { kind: 'CommandTaken', command: 'resume', commandId: 1, by: 'kim', reason: '' };
    const parked: RotationEvent = { kind: 'Parked', ...asked };
    const back = [...off, taken('UndoIntended', 'off'), taken('UndoDone', 'off'), parked, resumed];
    expect(decideAt(1, back)).toMatchObject({ events: [{ kind: 'GateOpened', step: 'drain' }] });
  });

  it('has its gate anew then, however long ago that was opened', () => {
    const later = requestedMs + 1_000_000;
    const resumed: Written = {
      event: { kind: 'CommandTaken', command: 'resume', commandId: 1, by: 'kim', reason: '' },
      epoch: 1,
      afterMs: later - requestedMs,
    };
    const parked: RotationEvent = { kind: 'Parked', ...asked };
    const reopened: Written = {
      event: { kind: 'GateReopened', step: 'drain', why: 'held' },
      epoch: 1,
      afterMs: later - requestedMs,
    };
    const ofWatch: RotationEvent = { kind: 'TakeBackDecided', step: 'off', gate: 'look', ...asked };
    const once = [...off.slice(0, -1), ofWatch, taken('UndoIntended', 'off'), taken('UndoDone', 'off'), parked];
    const state = stateAfter([...once, resumed, reopened]);
    expect(state.steps['drain']).toMatchObject({ phase: 'open', openedMs: later, attempt: 1, dueMs: 0 });
  });

  it('stays to be taken back where that parks for a reason of its own, and ends with turning back', () => {
    const other: RotationEvent = { kind: 'Parked', code: 'ADMIN_REFUSED', facts: {} };
    const resumed: RotationEvent = { kind: 'CommandTaken', command: 'resume', commandId: 1, by: 'kim', reason: '' };
    expect(decideAt(1, [...off, other, resumed])).toEqual(intends('UndoIntended', 'off', 2));
    expect(stateAfter([...off, rollback]).takingBack).toBeNull();
  });
});
