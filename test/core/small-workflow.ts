import { type Facts, type GuardVerdict, type WorkflowShape, decide } from '../../src/core/decide.js';
import type { Plan } from '../../src/core/plan.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { type Written, done, passed, requestedMs, stateAfter } from '../support/journal.js';
import { ableCapabilities } from '../support/plans.js';

/** What the guards of {@link workflow} say; a test that changes it puts it back. */
export const guards: { verdict: GuardVerdict } = { verdict: { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 } };
const guard = { gate: 'drain', judge: () => guards.verdict };

/** A workflow of every kind of step, small enough to see whole. */
export const workflow: WorkflowShape = {
  name: 'small',
  steps: [
    { kind: 'gate', name: 'look', whenBlind: 'undo' },
    { kind: 'act', name: 'choose', touches: [] },
    { kind: 'act', name: 'make', touches: ['target'] },
    { kind: 'act', name: 'put', touches: ['store'] },
    { kind: 'gate', name: 'drain', whenBlind: 'park' },
    { kind: 'act', name: 'off', touches: ['target'], guard },
    { kind: 'final', name: 'end', touches: ['target'], guard },
  ],
};

export const unfenced: Partial<Plan> = { capabilities: { ...ableCapabilities, fence: false, settleMs: 8_000 } };
export const provider: Partial<Plan> = {
  capabilities: { ...ableCapabilities, fence: false, settleMs: 8_000, origin: 'provider' },
};

export function facts(change: Partial<Facts> = {}): Facts {
  return {
    epoch: 1,
    era: 1,
    nowMs: requestedMs,
    held: false,
    waived: [],
    guardSeq: 7,
    commands: [],
    refusedMs: null,
    ...change,
  };
}

export function decideAfter(
  events: readonly (RotationEvent | Written)[],
  plan: Partial<Plan> = {},
  change: Partial<Facts> = {},
) {
  return decide(workflow, stateAfter(events, plan), facts(change));
}

export const begun = (step: string, at: Partial<Written> = {}): Written => ({
  event: { kind: 'StepIntended', step, attempt: 1 },
  ...at,
});
export const undoBegun = (step: string, at: Partial<Written> = {}): Written => ({
  event: { kind: 'UndoIntended', step, attempt: 1 },
  ...at,
});
export const undone = (step: string, at: Partial<Written> = {}): Written => ({
  event: { kind: 'UndoDone', step, tookMs: 5 },
  ...at,
});
export const raised = (epoch: number): Written => ({ event: { kind: 'FenceRaised' }, epoch });
export const failed = (
  step: string,
  certain: boolean,
  retryInMs: number | null,
  at: Partial<Written> = {},
): Written => ({
  event: { kind: 'StepFailed', step, code: 'STEP_FAILED', facts: {}, certain, retryInMs },
  ...at,
});
export const rollback: RotationEvent = { kind: 'RollbackDecided', code: 'CANARY_REFUSED', facts: {} };
export const parked: RotationEvent = { kind: 'Parked', code: 'HELD', facts: {} };
export const toPut = [...passed('look'), ...done('choose'), ...done('make')];
export const toDrain = [...toPut, ...done('put')];
export const toOff = [...toDrain, ...passed('drain', { seen: 1 })];
export const toEnd = [...toOff, ...done('off')];

export const records = (...events: readonly unknown[]) => ({ kind: 'record', events });
