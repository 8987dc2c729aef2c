import { expect, it } from 'vitest';
import { type WorkflowShape, decide } from '../../src/core/decide.js';
import type { Capabilities } from '../../src/core/capabilities.js';
import { done, passed, requestedMs, stateAfter } from '../support/journal.js';
import { ableCapabilities } from '../support/plans.js';

const guard = { gate: 'drain', judge: () => ({ kind: 'stale', why: 'held' }) as const };
const workflow: WorkflowShape = {
  name: 'small',
  steps: [
    { kind: 'gate', name: 'drain', whenBlind: 'park' },
    { kind: 'act', name: 'off', touches: ['target'], guard },
  ],
};

function decideAfterTakeover(capabilities: Capabilities, afterMs: number) {
  const meant = { event: { kind: 'StepIntended', step: 'off', attempt: 1 }, epoch: 1 } as const;
  const state = stateAfter([...done('make'), ...passed('drain'), meant], { capabilities });
  const facts = {
    epoch: 2,
    era: 1,
    nowMs: requestedMs + afterMs,
    held: true,
    waived: [],
    guardSeq: 1,
    commands: [],
    refusedMs: null,
  };
  return decide(
    { ...workflow, steps: [{ kind: 'act', name: 'make', touches: ['target'] }, ...workflow.steps] },
    state,
    facts,
  );
}

const unfenced = { ...ableCapabilities, fence: false, settleMs: 8_000 };

it('a disable that may still arrive is let die before anything is repeated, taken back or parked', () => {
  expect(decideAfterTakeover(unfenced, 5_000)).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
  expect(decideAfterTakeover(unfenced, 7_999)).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
  expect(decideAfterTakeover(unfenced, 8_000)).toMatchObject({ events: [{ kind: 'UndoIntended', step: 'off' }] });
});

it('a disable that a fence will refuse is waited for by nobody', () => {
  expect(decideAfterTakeover(ableCapabilities, 5_000)).toEqual({ kind: 'raise', step: 'off', direction: 'do' });
});
