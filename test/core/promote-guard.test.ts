import { describe, expect, it } from 'vitest';
import { type WorkflowShape, decide } from '../../src/core/decide.js';
import { guardPromote } from '../../src/core/promote-guard.js';
import { aMoment, lookedMs } from '../support/evidence.js';
import { passed, requestedMs, stateAfter } from '../support/journal.js';
import { promptPolicy } from '../support/plans.js';

const canary = { verifiedMs: lookedMs };
const at = (ageMs: number) => guardPromote({ moment: aMoment({ nowMs: lookedMs + ageMs }) }, canary);

describe('promoting', () => {
  const tenMinutesMs = 600_000;

  it('is allowed from the login that the canary saw until ten minutes after it', () => {
    const allowed = { kind: 'pass', notBeforeMs: lookedMs, notAfterMs: lookedMs + tenMinutesMs };
    expect(at(0)).toEqual(allowed);
    expect(at(tenMinutesMs)).toEqual(allowed);
  });

  it('has the canary look again after that', () => {
    expect(at(tenMinutesMs + 1)).toEqual({
      kind: 'stale',
      why: 'our own login with the new credential was too long ago',
    });
  });

  it('waits for no hold: nothing of the old credential is taken away', () => {
    expect(guardPromote({ moment: aMoment({ held: true }) }, canary)).toMatchObject({ kind: 'pass' });
  });
});

describe('a label that is to be moved on what the canary saw too long ago', () => {
  const why = 'too long ago';
  const reopened = { kind: 'record', events: [{ kind: 'GateReopened', step: 'canary', why }] };
  const storeSettleMs = 360_000;

  function decideAfter(verdict: 'stale' | 'pass', events: Parameters<typeof stateAfter>[0], nowMs: number) {
    const judge = () =>
      verdict === 'pass' ? { kind: verdict, notBeforeMs: 0, notAfterMs: 99 } : { kind: verdict, why };
    const workflow: WorkflowShape = {
      name: 'small',
      steps: [
        { kind: 'gate', name: 'canary', whenBlind: 'undo' },
        { kind: 'act', name: 'promote', touches: ['store'], guard: { gate: 'canary', judge } },
      ],
    };
    const state = stateAfter([...passed('canary'), ...events], { storeSettleMs, policy: promptPolicy });
    const facts = { epoch: 2, era: 1, nowMs, held: false, waived: [], guardSeq: 1, commands: [], refusedMs: null };
    return decide(workflow, state, facts);
  }

  const meant = { event: { kind: 'StepIntended', step: 'promote', attempt: 1 }, epoch: 1 } as const;

  it('is not moved before the canary has looked again', () => {
    expect(decideAfter('stale', [], requestedMs)).toEqual(reopened);
  });

  it('stays where it is meanwhile, though it may have moved and may still move', () => {
    expect(decideAfter('stale', [meant], requestedMs)).toEqual(reopened);
  });

  it('does not park for the time that somebody else took to look, however often', () => {
    const again = [{ kind: 'GateReopened', step: 'canary', why } as const, ...passed('canary').slice(1)];
    expect(decideAfter('stale', [...again, ...again], requestedMs + 1_000 * promptPolicy.drainMaxMs)).toEqual(reopened);
  });

  it('is moved again at once where the canary is young: repeating it is harmless', () => {
    expect(decideAfter('pass', [meant], requestedMs)).toMatchObject({ events: [{ kind: 'StepIntended', attempt: 2 }] });
  });
});
