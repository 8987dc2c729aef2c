import { describe, expect, it } from 'vitest';
import { contextOf } from '../../src/core/context.js';
import { type WorkflowShape, decide } from '../../src/core/decide.js';
import type { Plan } from '../../src/core/plan.js';
import type { RotationState } from '../../src/core/rotation.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { done, passed, requestedMs, stateAfter } from '../support/journal.js';
import { promptPolicy } from '../support/plans.js';
import {
  begun,
  decideAfter,
  facts,
  failed,
  guards,
  parked,
  provider,
  raised,
  records,
  toDrain,
  toEnd,
  toOff,
  toPut,
  unfenced,
} from './small-workflow.js';

describe('going forth', () => {
  it('opens a gate, then looks', () => {
    expect(decideAfter([])).toEqual(records({ kind: 'GateOpened', step: 'look' }));
    expect(decideAfter([{ kind: 'GateOpened', step: 'look' }])).toEqual({ kind: 'look', step: 'look' });
  });

  it('looks again when the gate is due, and not before', () => {
    const waiting: RotationEvent = { kind: 'GateWaiting', step: 'look', facts: null, why: 'held', againInMs: 1_000 };
    const events = [{ kind: 'GateOpened', step: 'look' } as const, waiting];
    expect(decideAfter(events)).toEqual({ kind: 'rest', untilMs: requestedMs + 1_000 });
    expect(decideAfter(events, {}, { nowMs: requestedMs + 999 })).toMatchObject({ kind: 'rest' });
    expect(decideAfter(events, {}, { nowMs: requestedMs + 1_000 })).toEqual({ kind: 'look', step: 'look' });
  });

  it('writes an intent, then runs', () => {
    expect(decideAfter(passed('look'))).toEqual(records({ kind: 'StepIntended', step: 'choose', attempt: 1 }));
    expect(decideAfter([...passed('look'), begun('choose')])).toEqual({ kind: 'run', step: 'choose' });
  });

  it('counts the attempts', () => {
    const events = [...passed('look'), begun('choose'), failed('choose', true, 0)];
    expect(decideAfter(events)).toEqual(records({ kind: 'StepIntended', step: 'choose', attempt: 2 }));
  });

  it('rests after a failure until its time', () => {
    const events = [...passed('look'), begun('choose'), failed('choose', true, 500)];
    expect(decideAfter(events)).toEqual({ kind: 'rest', untilMs: requestedMs + 500 });
  });

  it('hands over after an uncertain failure under the same epoch, and goes on under a newer one', () => {
    const events = [...toPut, begun('put'), failed('put', false, 0)];
    expect(decideAfter(events)).toEqual({ kind: 'handover' });
    expect(decideAfter(events, {}, { epoch: 2 })).toEqual(records({ kind: 'StepIntended', step: 'put', attempt: 2 }));
  });

  it('raises first where an older executor left an intent at a target that can fence', () => {
    const events = [...passed('look'), ...done('choose'), begun('make')];
    expect(decideAfter(events, {}, { epoch: 2 })).toEqual({ kind: 'raise', step: 'make', direction: 'do' });
    expect(decideAfter([...events, raised(2)], {}, { epoch: 2 })).toEqual(
      records({ kind: 'StepIntended', step: 'make', attempt: 2 }),
    );
  });

  it('raises again where the executor that raised has lost its lease in its turn', () => {
    const events = [...passed('look'), ...done('choose'), begun('make'), raised(2), begun('make', { epoch: 2 })];
    expect(decideAfter(events, {}, { epoch: 3 })).toEqual({ kind: 'raise', step: 'make', direction: 'do' });
  });

  it('does not raise for what an older raise has settled', () => {
    const events = [
      ...passed('look'),
      ...done('choose'),
      begun('make'),
      raised(2),
      begun('make', { epoch: 2 }),
      {
        event: { kind: 'StepDone', step: 'make', output: null, tookMs: 1 } as const,
        epoch: 2,
      },
    ];
    expect(decideAfter(events, {}, { epoch: 3 })).toEqual(records({ kind: 'StepIntended', step: 'put', attempt: 1 }));
  });

  it('raises on behalf of the newest intent that is open', () => {
    const events = [
      ...passed('look'),
      ...done('choose'),
      begun('make'),
      begun('make', { epoch: 2 }),
      {
        event: { kind: 'StepDone', step: 'make', output: null, tookMs: 1 } as const,
        epoch: 2,
      },
      ...done('put'),
      ...passed('drain'),
      begun('off', { epoch: 3 }),
    ];
    expect(decideAfter(events, {}, { epoch: 4 })).toEqual({ kind: 'raise', step: 'off', direction: 'do' });
  });

  it('does not raise for an intent that does not touch the target', () => {
    expect(decideAfter([...toPut, begun('put')], {}, { epoch: 2 })).toEqual(
      records({ kind: 'StepIntended', step: 'put', attempt: 2 }),
    );
  });

  it('does not raise where the target cannot fence', () => {
    const events = [...passed('look'), ...done('choose'), begun('make')];
    expect(decideAfter(events, unfenced, { epoch: 2 })).toEqual(
      records({ kind: 'StepIntended', step: 'make', attempt: 2 }),
    );
  });

  it('rests before it tries again to raise', () => {
    const events = [...passed('look'), ...done('choose'), begun('make'), failed('make', false, 700)];
    expect(decideAfter(events, {}, { epoch: 2 })).toEqual({ kind: 'rest', untilMs: requestedMs + 700 });
    expect(decideAfter(events, {}, { epoch: 2, nowMs: requestedMs + 700 })).toMatchObject({ kind: 'raise' });
  });

  it('waits before a provider is asked again, until the older request has died', () => {
    const events = [...passed('look'), ...done('choose'), begun('make')];
    expect(decideAfter(events, provider, { epoch: 2 })).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
    expect(decideAfter(events, provider, { epoch: 2, nowMs: requestedMs + 7_999 })).toMatchObject({ kind: 'rest' });
    expect(decideAfter(events, provider, { epoch: 2, nowMs: requestedMs + 8_000 })).toMatchObject({ kind: 'record' });
  });

  it('opens again the gate whose facts have grown stale', () => {
    guards.verdict = { kind: 'stale', why: 'grace is not over' };
    expect(decideAfter(toOff)).toEqual(records({ kind: 'GateReopened', step: 'drain', why: 'grace is not over' }));
    expect(decideAfter(toEnd)).toEqual(records({ kind: 'GateReopened', step: 'drain', why: 'grace is not over' }));
    guards.verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
  });

  it('parks where the gate has had its time and is stale again, and not a millisecond before', () => {
    guards.verdict = { kind: 'stale', why: 'the label was read too long ago' };
    const reopened = { kind: 'GateReopened', step: 'drain', why: 'the label was read too long ago' } as const;
    const policy = { ...promptPolicy, drainMaxMs: 50_000, watchMs: 10_000 };
    const again = [...toOff, reopened, ...passed('drain').slice(1)];
    const late = { nowMs: requestedMs + 60_000 };
    expect(decideAfter(again, { policy }, { nowMs: late.nowMs - 1 })).toEqual(records(reopened));
    expect(decideAfter(toOff, { policy }, late)).toEqual(records(reopened));
    const endAgain = [...toEnd, reopened, ...passed('drain').slice(1)];
    expect(decideAfter(endAgain, { policy }, late)).toMatchObject({ events: [reopened, { kind: 'Parked' }] });
    expect(decideAfter(again, { policy }, late)).toEqual(
      records(reopened, {
        kind: 'Parked',
        code: 'DRAIN_TIMED_OUT',
        facts: expect.objectContaining({ rotation: 'r1', maxMs: 50_000, finding: 'the label was read too long ago' }),
      }),
    );
    guards.verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
  });

  it('looks on where the time of drain is extended', () => {
    guards.verdict = { kind: 'stale', why: 'the label was read too long ago' };
    const reopened = { kind: 'GateReopened', step: 'drain', why: 'the label was read too long ago' } as const;
    const policy = { ...promptPolicy, drainMaxMs: 50_000, watchMs: 10_000, onDrainMax: 'extend' as const };
    const again = [...toOff, reopened, ...passed('drain').slice(1)];
    expect(decideAfter(again, { policy }, { nowMs: requestedMs + 60_000 })).toEqual(records(reopened));
    guards.verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
  });

  const standing = { held: false, guardSeq: 7, waived: [] };

  it('hands on to the commit what the guard relied on, and writes down what people had said', () => {
    expect(decideAfter(toOff)).toEqual({
      kind: 'record',
      events: [{ kind: 'StepIntended', step: 'off', attempt: 1, standing }],
      guard: { guardSeq: 7, notBeforeMs: 0, notAfterMs: 99 },
    });
  });

  it('looks again where the database said that its time is before the facts', () => {
    guards.verdict = { kind: 'pass', notBeforeMs: requestedMs, notAfterMs: requestedMs + 5_000 };
    const reopened = { kind: 'record', events: [{ kind: 'GateReopened', why: 'the clock went back' }] };
    expect(decideAfter(toOff, {}, { refusedMs: requestedMs - 1 })).toMatchObject(reopened);
    expect(decideAfter(toOff, {}, { refusedMs: requestedMs })).toMatchObject({ events: [{ kind: 'StepIntended' }] });
    guards.verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
  });

  it('decides to destroy in the commit of the first final, once', () => {
    const intended = { kind: 'StepIntended', step: 'end', attempt: 1, standing };
    const guarded = { guardSeq: 7, notBeforeMs: 0, notAfterMs: 99 };
    expect(decideAfter(toEnd)).toEqual({
      kind: 'record',
      events: [{ kind: 'DestroyDecided' }, intended],
      guard: guarded,
    });
    expect(decideAfter([...toEnd, { kind: 'DestroyDecided' }])).toEqual({
      kind: 'record',
      events: [intended],
      guard: guarded,
    });
  });

  it('asks the guard again after a takeover, even once destroying is decided', () => {
    guards.verdict = { kind: 'stale', why: 'held' };
    const events = [...toEnd, { kind: 'DestroyDecided' } as const, begun('end'), raised(2)];
    expect(decideAfter(events, {}, { epoch: 2 })).toEqual(
      records({ kind: 'GateReopened', step: 'drain', why: 'held' }),
    );
    guards.verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
  });

  it('closes as completed when every step is done', () => {
    expect(decideAfter([...toEnd, { kind: 'DestroyDecided' }, ...done('end')])).toEqual(
      records({ kind: 'RotationClosed', status: 'completed' }),
    );
  });

  it('closes only once nothing that was meant can still happen', () => {
    const events = [
      ...toEnd,
      { kind: 'DestroyDecided' } as const,
      begun('end'),
      begun('end', { epoch: 2 }),
      {
        event: { kind: 'StepDone', step: 'end', output: null, tookMs: 1 } as const,
        epoch: 2,
      },
    ];
    expect(decideAfter(events, unfenced, { epoch: 2 })).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
    expect(decideAfter(events, unfenced, { epoch: 2, nowMs: requestedMs + 8_000 })).toEqual(
      records({ kind: 'RotationClosed', status: 'completed' }),
    );
  });

  it('waits as long as the slower of target and store where a step touches both', () => {
    const both: WorkflowShape = { name: 'both', steps: [{ kind: 'act', name: 'swap', touches: ['target', 'store'] }] };
    const orphan = [
      begun('swap'),
      begun('swap', { epoch: 2 }),
      { event: { kind: 'StepDone', step: 'swap', output: null, tookMs: 1 } as const, epoch: 2 },
    ];
    const at = (plan: Partial<Plan>) => decide(both, stateAfter(orphan, plan), facts({ epoch: 2 }));
    expect(at({ ...unfenced, storeSettleMs: 9_000 })).toEqual({ kind: 'rest', untilMs: requestedMs + 9_000 });
    expect(at({ ...unfenced, storeSettleMs: 7_000 })).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
    expect(at({ storeSettleMs: 0 })).toMatchObject({ kind: 'raise' });
  });
});

describe('standing still', () => {
  it('an ended rotation rests for ever', () => {
    for (const status of ['completed', 'rolled_back', 'cancelled'] as const) {
      expect(decideAfter([{ kind: 'RotationClosed', status }])).toEqual({ kind: 'rest', untilMs: null });
    }
  });

  it('a parked rotation rests until somebody commands', () => {
    expect(decideAfter([...toDrain, parked])).toEqual({ kind: 'rest', untilMs: null });
  });

  it('a journal with a step that this version does not know parks', () => {
    expect(decideAfter([...passed('look'), ...done('unheard-of')])).toEqual(
      records({
        kind: 'Parked',
        code: 'UNKNOWN_STEP',
        facts: expect.objectContaining({ step: 'unheard-of', rotation: 'r1' }),
      }),
    );
  });
});

describe('what a step is told', () => {
  it('outputs and times of the steps that have happened, and of no others', () => {
    const state: RotationState = stateAfter([
      ...passed('look', { old: null }),
      ...done('choose', { identity: 'b' }),
      begun('make'),
    ]);
    const context = contextOf(state, facts({ held: true, waived: ['app'] }), 'look');
    expect(context.before).toEqual({ look: { old: null }, choose: { identity: 'b' } });
    expect(context.moment).toEqual({
      nowMs: requestedMs,
      held: true,
      waived: ['app'],
      guardSeq: 7,
      openedMs: requestedMs,
      acceptedMs: 0,
      doneMs: { look: requestedMs, choose: requestedMs },
    });
  });
});
