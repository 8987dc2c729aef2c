import { describe, expect, it } from 'vitest';
import { contextOf } from '../../src/core/context.js';
import { type Command, type Facts, type GuardVerdict, type WorkflowShape, decide } from '../../src/core/decide.js';
import type { Plan } from '../../src/core/plan.js';
import type { RotationEvent, RotationState } from '../../src/core/rotation.js';
import { type Written, done, passed, requestedMs, stateAfter } from '../support/journal.js';
import { ableCapabilities, promptPolicy } from '../support/plans.js';

let verdict: GuardVerdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
const guard = { gate: 'drain', judge: () => verdict };

const workflow: WorkflowShape = {
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

const unfenced: Partial<Plan> = { capabilities: { ...ableCapabilities, fence: false, settleMs: 8_000 } };
const provider: Partial<Plan> = {
  capabilities: { ...ableCapabilities, fence: false, settleMs: 8_000, origin: 'provider' },
};

function facts(change: Partial<Facts> = {}): Facts {
  return {
    epoch: 1,
    nowMs: requestedMs,
    held: false,
    waived: [],
    guardSeq: 7,
    commands: [],
    refusedMs: null,
    ...change,
  };
}

function decideAfter(
  events: readonly (RotationEvent | Written)[],
  plan: Partial<Plan> = {},
  change: Partial<Facts> = {},
) {
  return decide(workflow, stateAfter(events, plan), facts(change));
}

const begun = (step: string, at: Partial<Written> = {}): Written => ({
  event: { kind: 'StepIntended', step, attempt: 1 },
  ...at,
});
const undoBegun = (step: string, at: Partial<Written> = {}): Written => ({
  event: { kind: 'UndoIntended', step, attempt: 1 },
  ...at,
});
const undone = (step: string, at: Partial<Written> = {}): Written => ({
  event: { kind: 'UndoDone', step, tookMs: 5 },
  ...at,
});
const raised = (epoch: number): Written => ({ event: { kind: 'FenceRaised' }, epoch });
const failed = (step: string, certain: boolean, retryInMs: number | null, at: Partial<Written> = {}): Written => ({
  event: { kind: 'StepFailed', step, code: 'STEP_FAILED', facts: {}, certain, retryInMs },
  ...at,
});
const rollback: RotationEvent = { kind: 'RollbackDecided', code: 'CANARY_REFUSED', facts: {} };
const parked: RotationEvent = { kind: 'Parked', code: 'HELD', facts: {} };
const toPut = [...passed('look'), ...done('choose'), ...done('make')];
const toDrain = [...toPut, ...done('put')];
const toOff = [...toDrain, ...passed('drain', { seen: 1 })];
const toEnd = [...toOff, ...done('off')];

const records = (...events: readonly unknown[]) => ({ kind: 'record', events });

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
    verdict = { kind: 'stale', why: 'grace is not over' };
    expect(decideAfter(toOff)).toEqual(records({ kind: 'GateReopened', step: 'drain', why: 'grace is not over' }));
    expect(decideAfter(toEnd)).toEqual(records({ kind: 'GateReopened', step: 'drain', why: 'grace is not over' }));
    verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
  });

  it('parks where the gate has had its time and is stale again, and not a millisecond before', () => {
    verdict = { kind: 'stale', why: 'the label was read too long ago' };
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
    verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
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
    verdict = { kind: 'pass', notBeforeMs: requestedMs, notAfterMs: requestedMs + 5_000 };
    const reopened = { kind: 'record', events: [{ kind: 'GateReopened', why: 'the clock went back' }] };
    expect(decideAfter(toOff, {}, { refusedMs: requestedMs - 1 })).toMatchObject(reopened);
    expect(decideAfter(toOff, {}, { refusedMs: requestedMs })).toMatchObject({ events: [{ kind: 'StepIntended' }] });
    verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
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
    verdict = { kind: 'stale', why: 'held' };
    const events = [...toEnd, { kind: 'DestroyDecided' } as const, begun('end'), raised(2)];
    expect(decideAfter(events, {}, { epoch: 2 })).toEqual(
      records({ kind: 'GateReopened', step: 'drain', why: 'held' }),
    );
    verdict = { kind: 'pass', notBeforeMs: 0, notAfterMs: 99 };
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

describe('going back', () => {
  const back = (events: readonly (RotationEvent | Written)[], plan: Partial<Plan> = {}, change: Partial<Facts> = {}) =>
    decideAfter([...events, rollback, raised(1)], plan, change);

  it('raises before the first undo', () => {
    expect(decideAfter([...toDrain, rollback])).toEqual({ kind: 'raise', step: 'make', direction: 'undo' });
  });

  it('raises on behalf of the act that is undone first', () => {
    expect(decideAfter([...toEnd, rollback])).toEqual({ kind: 'raise', step: 'off', direction: 'undo' });
  });

  it('has nothing to raise where nothing has touched the target', () => {
    expect(decideAfter([...passed('look'), ...done('choose'), rollback])).toEqual(
      records({ kind: 'UndoIntended', step: 'choose', attempt: 1 }),
    );
  });

  it('undoes the acts in reverse, each after its intent', () => {
    expect(back(toDrain)).toEqual(records({ kind: 'UndoIntended', step: 'put', attempt: 1 }));
    expect(decideAfter([...toDrain, rollback, raised(1), undoBegun('put')])).toEqual({ kind: 'undo', step: 'put' });
    expect(decideAfter([...toDrain, rollback, raised(1), undoBegun('put'), undone('put')])).toEqual(
      records({ kind: 'UndoIntended', step: 'make', attempt: 1 }),
    );
  });

  it('undoes what was only meant: it may have happened', () => {
    expect(back([...toPut, begun('put')])).toEqual(records({ kind: 'UndoIntended', step: 'put', attempt: 1 }));
  });

  it('passes over gates and over acts that were never meant', () => {
    expect(back([...toOff])).toEqual(records({ kind: 'UndoIntended', step: 'put', attempt: 1 }));
  });

  it('closes with the way it came to it', () => {
    const undoneAll = [undone('choose')];
    const from = (event: RotationEvent) => decideAfter([...passed('look'), ...done('choose'), event, ...undoneAll]);
    expect(from(rollback)).toEqual(records({ kind: 'RotationClosed', status: 'rolled_back' }));
    expect(from({ kind: 'RollbackDecided', code: 'CANCELLED', facts: {} })).toEqual(
      records({ kind: 'RotationClosed', status: 'cancelled' }),
    );
  });

  it('rests after a failed undo until its time, and hands over where it is uncertain', () => {
    const failedUndo = (certain: boolean, retryInMs: number): Written => ({
      event: { kind: 'UndoFailed', step: 'put', code: 'STEP_FAILED', facts: {}, certain, retryInMs },
    });
    const events = (certain: boolean) => [...toDrain, rollback, raised(1), undoBegun('put'), failedUndo(certain, 300)];
    expect(decideAfter(events(true))).toEqual({ kind: 'rest', untilMs: requestedMs + 300 });
    expect(decideAfter(events(true), {}, { nowMs: requestedMs + 300 })).toEqual(
      records({ kind: 'UndoIntended', step: 'put', attempt: 2 }),
    );
    expect(decideAfter(events(false), {}, { nowMs: requestedMs + 300 })).toEqual({ kind: 'handover' });
  });

  it('does not begin to undo what touches an unfenced target before the older request has died', () => {
    const events = [...passed('look'), ...done('choose'), begun('make'), { event: rollback, epoch: 2 }];
    expect(decideAfter(events, unfenced, { epoch: 2 })).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
    expect(decideAfter(events, unfenced, { epoch: 2, nowMs: requestedMs + 8_000 })).toMatchObject({ kind: 'record' });
  });

  it('destroys the new one only once no cache may hold it any more', () => {
    const consumers = [{ name: 'app', url: null, canary: false, required: true, cacheTtlMs: 5_000 }];
    const promoted: WorkflowShape = {
      name: 'promoting',
      steps: [
        { kind: 'act', name: 'make', touches: ['target'] },
        { kind: 'act', name: 'promote', touches: ['store'] },
      ],
    };
    const events = [...done('make'), ...done('promote'), rollback, raised(1), undoBegun('promote'), undone('promote')];
    const at = (nowMs: number) => decide(promoted, stateAfter(events, { consumers }), facts({ nowMs }));
    expect(at(requestedMs + 4_999)).toEqual({ kind: 'rest', untilMs: requestedMs + 5_000 });
    expect(at(requestedMs + 5_000)).toEqual(records({ kind: 'UndoIntended', step: 'make', attempt: 1 }));
  });

  it('does at once what is guarded forwards (re-enabling) and does it again after settling', () => {
    const orphan = [...toOff, begun('off'), { event: rollback, epoch: 2 }];
    expect(decideAfter(orphan, unfenced, { epoch: 2 })).toEqual(
      records({ kind: 'UndoIntended', step: 'off', attempt: 1 }),
    );
    const early = [...orphan, undoBegun('off', { epoch: 2 }), undone('off', { epoch: 2, afterMs: 10 })];
    const later = { epoch: 2, nowMs: requestedMs + 8_000 };
    expect(decideAfter(early, unfenced, { epoch: 2 })).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
    expect(decideAfter(early, unfenced, later)).toEqual(records({ kind: 'UndoIntended', step: 'off', attempt: 2 }));
    const again = [
      ...early,
      undoBegun('off', { epoch: 2, afterMs: 8_000 }),
      undone('off', { epoch: 2, afterMs: 8_000 }),
    ];
    expect(decideAfter(again, unfenced, later)).toEqual(records({ kind: 'UndoIntended', step: 'put', attempt: 1 }));
  });

  it('does not wait for what another step has left open', () => {
    const slow: Partial<Plan> = { ...unfenced, storeSettleMs: 60_000 };
    const made = [
      ...passed('look'),
      ...done('choose'),
      begun('make'),
      begun('make', { epoch: 2 }),
      {
        event: { kind: 'StepDone', step: 'make', output: null, tookMs: 1 } as const,
        epoch: 2,
      },
      ...done('put'),
      { event: rollback, epoch: 2 },
    ];
    const undoneEarly = [...made, undoBegun('put', { epoch: 2 }), undone('put', { epoch: 2, afterMs: 10 })];
    expect(decideAfter(undoneEarly, slow, { epoch: 2, nowMs: requestedMs + 8_000 })).toEqual(
      records({ kind: 'UndoIntended', step: 'make', attempt: 1 }),
    );
  });

  it('does not wait for the store where the step touches the target alone', () => {
    const slow: Partial<Plan> = { ...unfenced, storeSettleMs: 60_000 };
    const events = [...passed('look'), ...done('choose'), begun('make'), { event: rollback, epoch: 2 }];
    expect(decideAfter(events, slow, { epoch: 2, nowMs: requestedMs + 8_000 })).toMatchObject({ kind: 'record' });
  });

  it('moves labels back at once and again after the store has settled', () => {
    const slow: Partial<Plan> = { ...unfenced, storeSettleMs: 6_000 };
    const orphan = [...toPut, begun('put'), { event: rollback, epoch: 2 }];
    expect(decideAfter(orphan, slow, { epoch: 2 })).toEqual(records({ kind: 'UndoIntended', step: 'put', attempt: 1 }));
    const early = [...orphan, undoBegun('put', { epoch: 2 }), undone('put', { epoch: 2 })];
    expect(decideAfter(early, slow, { epoch: 2 })).toEqual({ kind: 'rest', untilMs: requestedMs + 6_000 });
  });
});

describe('commands', () => {
  const command = (kind: Command['kind'], id = 3): Command => ({ id, kind, by: 'local:kim', reason: 'because' });
  const taken = (kind: Command['kind']) => ({
    kind: 'CommandTaken',
    command: kind,
    commandId: 3,
    by: 'local:kim',
    reason: 'because',
  });
  const given = (events: readonly (RotationEvent | Written)[], kind: Command['kind']) =>
    decideAfter(events, {}, { commands: [command(kind)] });

  it.each([
    ['cancel', 'CANCELLED'],
    ['rollback', 'ROLLBACK_ORDERED'],
  ] as const)('%s turns a running rotation round', (kind, code) => {
    const turned = records(taken(kind), {
      kind: 'RollbackDecided',
      code,
      facts: expect.objectContaining({ by: 'local:kim', rotation: 'r1' }),
    });
    expect(given(toDrain, kind)).toEqual(turned);
    expect(given([...toDrain, parked], kind)).toEqual(turned);
  });

  it('resume is taken and decides nothing', () => {
    expect(given([...toDrain, parked], 'resume')).toEqual(records(taken('resume')));
  });

  it.each(['cancel', 'rollback', 'resume'] as const)('%s decides nothing once it rolls back or destroys', (kind) => {
    expect(given([...toDrain, rollback], kind)).toEqual(records(taken(kind)));
    expect(given([...toEnd, { kind: 'DestroyDecided' }], kind)).toEqual(records(taken(kind)));
  });

  it('are taken once, oldest first', () => {
    const taken2: RotationEvent = { kind: 'CommandTaken', command: 'resume', commandId: 2, by: '', reason: '' };
    const commands = [command('resume', 2), command('cancel', 3), command('resume', 4)];
    expect(decideAfter([taken2], {}, { commands })).toMatchObject({ events: [{ commandId: 3 }, {}] });
    expect(decideAfter([taken2], {}, { commands: [command('resume', 2)] })).toEqual(
      records({ kind: 'GateOpened', step: 'look' }),
    );
  });

  it('go before everything else, and are not taken once it has ended', () => {
    expect(given([{ kind: 'RotationClosed', status: 'completed' }], 'resume')).toEqual({ kind: 'rest', untilMs: null });
    expect(given([...toPut, begun('put'), failed('put', true, 9_000)], 'cancel')).toMatchObject({ kind: 'record' });
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
      doneMs: { look: requestedMs, choose: requestedMs },
    });
  });
});
