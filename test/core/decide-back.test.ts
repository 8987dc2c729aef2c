import { describe, expect, it } from 'vitest';
import { type Command, type Facts, type WorkflowShape, decide } from '../../src/core/decide.js';
import type { Plan } from '../../src/core/plan.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { type Written, done, passed, requestedMs, stateAfter } from '../support/journal.js';
import {
  begun,
  decideAfter,
  facts,
  failed,
  parked,
  raised,
  records,
  rollback,
  toDrain,
  toEnd,
  toOff,
  toPut,
  undoBegun,
  undone,
  unfenced,
} from './small-workflow.js';

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
