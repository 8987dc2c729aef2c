import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../src/core/capabilities.js';
import type { Facts } from '../../src/core/decide.js';
import type { Plan } from '../../src/core/plan.js';
import { fold, stepState } from '../../src/core/rotation.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { type Written, aJournal, passed, requestedMs, stateAfter } from '../support/journal.js';
import { ableCapabilities, aPlan } from '../support/plans.js';
import {
  begun,
  decideAfter,
  failed,
  parked,
  provider,
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

const entered = (afterMs = 0, epoch = 2): Written => ({ event: { kind: 'EraEntered', era: 2 }, epoch, afterMs });
const by2 = (events: readonly RotationEvent[]): readonly Written[] => events.map((event) => ({ event, epoch: 2 }));

const decideIn = (
  events: readonly (RotationEvent | Written)[],
  plan: Partial<Plan> = {},
  change: Partial<Facts> = {},
) => decideAfter(events, plan, { epoch: 2, era: 2, ...change });

describe('a rotation that finds itself in a newer era', () => {
  it('writes that down before anything else', () => {
    expect(decideIn(toPut)).toEqual(records({ kind: 'EraEntered', era: 2 }));
    expect(decideIn([...toPut, rollback])).toEqual(records({ kind: 'EraEntered', era: 2 }));
  });

  it('writes it down once', () => {
    expect(decideIn([...toPut, entered(), raised(2)])).toEqual(records(begun('put').event));
  });

  it('writes nothing while it is parked, and nothing after its end', () => {
    expect(decideIn([...toPut, parked])).toEqual({ kind: 'rest', untilMs: null });
    expect(decideIn([{ kind: 'RotationClosed', status: 'cancelled' }])).toEqual({ kind: 'rest', untilMs: null });
  });

  it('takes a command first', () => {
    const commands = [{ id: 3, kind: 'resume', by: 'local:kim', reason: '' } as const];
    expect(decideIn([...toPut, parked], {}, { commands })).toMatchObject({ events: [{ kind: 'CommandTaken' }] });
  });

  it('knows the era in which it was accepted, which is the first where the journal names none', () => {
    const [first, ...rest] = aJournal(aPlan(), []);
    if (first?.event.kind !== 'RotationRequested') throw new TypeError('a journal begins with RotationRequested');
    expect(fold([first, ...rest])).toMatchObject({ era: 1, entered: null });
    expect(fold([{ ...first, event: { ...first.event, era: 3 } }])).toMatchObject({ era: 3, entered: null });
    expect(stateAfter([entered()])).toMatchObject({ era: 2, entered: { epoch: 2, atMs: requestedMs } });
  });
});

describe('what was done before a newer era', () => {
  const reopened = (step: string): RotationEvent => ({ kind: 'GateReopened', step, why: 'too old' });
  const staleAfter = (events: readonly (RotationEvent | Written)[]) => stateAfter(events).entered?.stale;

  it('is stale until it is done again, and nothing else is', () => {
    expect(staleAfter([...toPut, begun('put'), entered()])).toEqual(['look', 'choose', 'make']);
    expect(staleAfter([entered()])).toEqual([]);
    expect(staleAfter([...toPut, entered(), ...by2([done('choose')])])).toEqual(['look', 'make']);
  });

  it('has a gate begin to wait anew, and an act go on counting its tries', () => {
    const opened: RotationEvent = { kind: 'GateOpened', step: 'drain' };
    const waiting = stateAfter([...toDrain, opened, reopened('drain'), reopened('drain'), entered()]);
    expect(stepState(waiting, 'drain')).toMatchObject({ phase: 'open', attempt: 0 });
    const closed = stateAfter([...toDrain, opened, reopened('drain'), done('drain'), entered()]);
    expect(stepState(closed, 'drain')).toMatchObject({ phase: 'done', attempt: 0 });
    expect(stepState(closed, 'make')).toMatchObject({ phase: 'done', attempt: 1 });
    expect(stepState(stateAfter([...toPut, begun('put'), entered()]), 'put')).toMatchObject({ attempt: 1 });
  });
});

describe('what is lost is settled', () => {
  it('by raising the fence, once, before anything else', () => {
    expect(decideIn([entered()])).toEqual({ kind: 'raise', step: 'end', direction: 'do' });
    expect(decideIn([...toPut, raised(1), entered()])).toEqual({ kind: 'raise', step: 'end', direction: 'do' });
    expect(decideIn([entered(), raised(2)])).toEqual(records({ kind: 'GateOpened', step: 'look' }));
    expect(decideIn([entered(), raised(2)], {}, { epoch: 3 })).toEqual(records({ kind: 'GateOpened', step: 'look' }));
  });

  it('by raising it on behalf of an act where it goes back', () => {
    expect(decideIn([...toPut, rollback, entered()])).toEqual({ kind: 'raise', step: 'off', direction: 'undo' });
  });

  it('by time at a target without a fence, and nothing is taken away meanwhile', () => {
    const events = [...toDrain, entered(), ...by2(passed('drain'))];
    expect(decideIn(events, unfenced)).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
    expect(decideIn(events, unfenced, { nowMs: requestedMs + 8_000 })).toMatchObject({
      events: [{ kind: 'StepIntended', step: 'off' }],
    });
  });

  it('by time before a provider is asked for a key', () => {
    const events = [...passed('look'), entered(), begun('choose', { epoch: 2 }), ...by2([done('choose')])];
    expect(decideIn(events, provider)).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
  });

  it('before it is over', () => {
    const all = ['off', 'put', 'make', 'choose'].flatMap((step) => [
      undoBegun(step, { epoch: 2 }),
      undone(step, { epoch: 2, afterMs: 8_000 }),
    ]);
    const events = [rollback, entered(), ...all];
    expect(decideIn(events, unfenced, { nowMs: requestedMs + 8_000 })).toEqual(
      records({ kind: 'RotationClosed', status: 'rolled_back' }),
    );
    const store: Partial<Plan> = { ...unfenced, storeSettleMs: 9_000 };
    expect(decideIn(events, store, { nowMs: requestedMs + 8_500 })).toEqual({
      kind: 'rest',
      untilMs: requestedMs + 9_000,
    });
  });

  it('and it completes no sooner', () => {
    const events = [...toEnd, { kind: 'DestroyDecided' } as const, entered(), ...by2(ended)];
    expect(decideIn(events, unfenced)).toEqual({ kind: 'rest', untilMs: requestedMs + 8_000 });
  });
});

const done = (step: string): RotationEvent => ({ kind: 'StepDone', step, output: null, tookMs: 5 });
const ended: readonly RotationEvent[] = [{ kind: 'StepIntended', step: 'end', attempt: 1 }, done('end')];

describe('going back in a newer era', () => {
  const intends = (step: string, attempt = 1) => records({ kind: 'UndoIntended', step, attempt });
  const over = { nowMs: requestedMs + 8_000 };

  it('covers acts that the journal knows nothing of', () => {
    expect(decideIn([rollback, entered(), raised(2)])).toEqual(intends('off'));
    expect(decideIn([...toPut, rollback, entered(), raised(2)])).toEqual(intends('off'));
  });

  it('covers what was undone before, once more', () => {
    const before = [...toPut, begun('put'), rollback, raised(1), undoBegun('put'), undone('put')];
    const now = [entered(), raised(2), undoBegun('off', { epoch: 2 }), undone('off', { epoch: 2 })];
    expect(decideIn([...before, ...now])).toEqual(intends('put', 2));
  });

  it('waits for what may still happen at a target without a fence, then undoes it again', () => {
    const early = [undoBegun('off', { epoch: 2 }), undone('off', { epoch: 2 })];
    const put = [undoBegun('put', { epoch: 2 }), undone('put', { epoch: 2 })];
    expect(decideIn([rollback, entered()], unfenced)).toEqual(intends('off'));
    expect(decideIn([rollback, entered(), ...early, ...put], unfenced)).toEqual({
      kind: 'rest',
      untilMs: requestedMs + 8_000,
    });
    expect(decideIn([rollback, entered(), ...early, ...put], unfenced, over)).toEqual(intends('off', 2));
  });
});

describe('what was seen before', () => {
  const looksAgain = records({
    kind: 'GateReopened',
    step: 'drain',
    why: 'the state database has forgotten what came after',
  });

  it('lets nothing guarded through: its gate looks again', () => {
    expect(decideIn([...toOff, entered(), raised(2)])).toEqual(looksAgain);
    expect(decideIn([...toEnd, entered(), raised(2)])).toEqual(looksAgain);
  });

  it('counts again once the gate has looked', () => {
    const looked = by2([{ kind: 'GateReopened', step: 'drain', why: '' }, done('drain')]);
    expect(decideIn([...toOff, entered(), raised(2), ...looked])).toMatchObject({
      events: [{ kind: 'StepIntended', step: 'off' }],
    });
  });

  it('is looked at again at once, as after a resume, however long ago the gate was opened', () => {
    const long = requestedMs + 1e12;
    expect(decideIn([...toOff, entered(1e12), raised(2)], {}, { nowMs: long })).toEqual(looksAgain);
    const waiting: RotationEvent = { kind: 'GateWaiting', step: 'drain', facts: {}, why: 'grace', againInMs: 9_000 };
    const open = [...toDrain, { kind: 'GateOpened', step: 'drain' } as const, waiting, entered(), raised(2)];
    expect(decideIn(open)).toEqual({ kind: 'look', step: 'drain' });
    expect(stepState(stateAfter(open), 'drain')).toMatchObject({ attempt: 0, openedMs: requestedMs, dueMs: 0 });
  });

  it('was done as of now, so that grace and watch begin again', () => {
    const state = stateAfter([...toEnd, entered(700)]);
    expect(stepState(state, 'off')).toMatchObject({ phase: 'done', doneMs: requestedMs + 700 });
    expect(stepState(stateAfter([...toOff, begun('off'), entered(700)]), 'off')).toMatchObject({ doneMs: 0 });
  });

  it('and the tries that failed then do not count', () => {
    const state = stateAfter([...toPut, begun('put'), failed('put', false, 60_000), entered()]);
    expect(stepState(state, 'put')).toMatchObject({ failures: 0, dueMs: 0, attempt: 1 });
  });
});

describe('a step in a newer era', () => {
  it('may have happened though it was never meant', () => {
    expect(stepState(stateAfter([]), 'make')).toMatchObject({ meant: false, touched: false });
    expect(stepState(stateAfter([entered()]), 'make')).toMatchObject({ meant: false, touched: true });
    expect(stepState(stateAfter([...toPut, entered()]), 'make')).toMatchObject({ meant: true, touched: true });
  });

  it('that was taken back may have been done again', () => {
    const state = stateAfter([...toOff, begun('off'), undoBegun('off'), undone('off'), entered()]);
    expect(stepState(state, 'off').phase).toBe('undoing');
  });
});

describe('going forth in a newer era', () => {
  it('changes nothing before what is lost has died: it may be another value, and the label on it', () => {
    const chosen = [...passed('look'), ...by2([{ kind: 'StepIntended', step: 'choose', attempt: 1 }, done('choose')])];
    const rests = { kind: 'rest', untilMs: requestedMs + 8_000 };
    expect(decideIn([entered(), ...passed('look')], unfenced)).toMatchObject({
      events: [{ kind: 'StepIntended', step: 'choose' }],
    });
    expect(decideIn([entered(), ...chosen], unfenced)).toEqual(rests);
    expect(decideIn([entered(), ...chosen], unfenced, { nowMs: requestedMs + 8_000 })).toMatchObject({
      events: [{ kind: 'StepIntended', step: 'make' }],
    });
    expect(decideIn([entered(), raised(2), ...chosen])).toMatchObject({
      events: [{ kind: 'StepIntended', step: 'make' }],
    });
  });

  it('makes nothing live before nobody can hold what is lost from a cache', () => {
    const chosen = [...passed('look'), ...by2([{ kind: 'StepIntended', step: 'choose', attempt: 1 }, done('choose')])];
    const caching: Partial<Plan> = {
      consumers: [
        { name: 'app', url: null, canary: false, required: true, cacheTtlMs: 30_000 },
        { name: 'batch', url: null, canary: false, required: false, cacheTtlMs: 2_000 },
      ],
    };
    const rests = (untilMs: number) => ({ kind: 'rest', untilMs: requestedMs + untilMs });
    expect(decideIn([entered(), raised(2), ...chosen], caching)).toEqual(rests(30_000));
    expect(decideIn([entered(), ...chosen], { ...caching, ...unfenced })).toEqual(rests(38_000));
    const over = { nowMs: requestedMs + 30_000 };
    expect(decideIn([entered(), raised(2), ...chosen], caching, over)).toMatchObject({
      events: [{ kind: 'StepIntended', step: 'make' }],
    });
  });

  it('where one only can live makes nobody wait longer for the value that works', () => {
    const chosen = [...passed('look'), ...by2([{ kind: 'StepIntended', step: 'choose', attempt: 1 }, done('choose')])];
    const consumers = [{ name: 'app', url: null, canary: false, required: true, cacheTtlMs: 30_000 }];
    const capabilities: Capabilities = { ...ableCapabilities, overlap: 'one-live' };
    expect(decideIn([entered(), raised(2), ...chosen], { consumers, capabilities })).toMatchObject({
      events: [{ kind: 'StepIntended', step: 'make' }],
    });
  });

  it('waits for the store too, where that takes writes without the lease', () => {
    const chosen = [...passed('look'), ...by2([{ kind: 'StepIntended', step: 'choose', attempt: 1 }, done('choose')])];
    const settles: Partial<Plan> = { storeSettleMs: 9_000 };
    expect(decideIn([entered(), raised(2), ...chosen], settles)).toEqual({
      kind: 'rest',
      untilMs: requestedMs + 9_000,
    });
  });
});
