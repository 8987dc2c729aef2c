import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RotationState, evolve, fold, isOpen, orphaned, stepState } from '../../src/core/rotation.js';
import type { Recorded, RotationEvent } from '../../src/core/rotation-event.js';
import inPlaceRotation from '../../workflows/in-place-rotation.js';
import stagedRotation from '../../workflows/staged-rotation.js';
import { aJournal, done, passed, requestedMs, stateAfter } from '../support/journal.js';
import { aPlan } from '../support/plans.js';

const facts = { secret: '/billing/db', attempts: 2, held: true, last: null };

/** One of each, with everything it can carry. A kind that is missing here does not compile. */
const oneOfEach: { readonly [Kind in RotationEvent['kind']]: Extract<RotationEvent, { kind: Kind }> } = {
  RotationRequested: { kind: 'RotationRequested', plan: aPlan({ config: { host: 'db1', nested: [1, null, true] } }) },
  StepIntended: {
    kind: 'StepIntended',
    step: 'create',
    attempt: 2,
    standing: { held: false, guardSeq: 7, waived: ['app'] },
  },
  StepDone: { kind: 'StepDone', step: 'create', output: { identity: 'b', list: [null, 1.5, ''] }, tookMs: 12 },
  StepFailed: {
    kind: 'StepFailed',
    step: 'create',
    code: 'TARGET_UNREACHABLE',
    facts,
    certain: false,
    retryInMs: null,
  },
  GateOpened: { kind: 'GateOpened', step: 'drain' },
  GateWaiting: { kind: 'GateWaiting', step: 'drain', facts: { seen: ['ü "quoted"'] }, why: 'grace', againInMs: 9 },
  GateReopened: { kind: 'GateReopened', step: 'drain', why: 'held' },
  FenceRaised: { kind: 'FenceRaised' },
  EraEntered: { kind: 'EraEntered', era: 2 },
  ValueReplaced: { kind: 'ValueReplaced', step: 'create', code: 'VALUE_REJECTED' },
  RollbackDecided: { kind: 'RollbackDecided', code: 'CANCELLED', facts },
  DestroyDecided: { kind: 'DestroyDecided' },
  TakeBackDecided: { kind: 'TakeBackDecided', step: 'disable', gate: 'watch', code: 'OLD_STILL_NEEDED', facts },
  UndoIntended: { kind: 'UndoIntended', step: 'create', attempt: 1 },
  UndoDone: { kind: 'UndoDone', step: 'create', tookMs: 0 },
  UndoFailed: { kind: 'UndoFailed', step: 'create', code: 'STEP_FAILED', facts, certain: true, retryInMs: 5_000 },
  Parked: { kind: 'Parked', code: 'HELD', facts },
  CommandTaken: { kind: 'CommandTaken', command: 'resume', commandId: 3, by: 'local:kim', reason: 'it is mended' },
  RotationClosed: { kind: 'RotationClosed', status: 'completed' },
};

describe('every event survives the journal', () => {
  it.each(Object.entries(oneOfEach))('%s', (_, event) => {
    expect(JSON.parse(JSON.stringify(event))).toEqual(event);
  });

  it('and folds to the same state afterwards', () => {
    const { RotationRequested: _, ...rest } = oneOfEach;
    const journal = aJournal(aPlan(), Object.values(rest));
    expect(fold(JSON.parse(JSON.stringify(journal)) as readonly Recorded[])).toEqual(fold(journal));
  });
});

describe('a journal of an earlier release folds to the state it always had', () => {
  const golden = (name: string) =>
    JSON.parse(readFileSync(new URL(`golden/${name}.json`, import.meta.url), 'utf8')) as readonly Recorded[];
  const summary = ({ seq, status, decision, because, raisedEpoch, unsettled, intent, steps }: RotationState) => ({
    seq,
    status,
    decision,
    because: because?.code ?? null,
    raisedEpoch,
    unsettled: unsettled.map(({ step, epoch }) => `${step} of ${epoch}`),
    intent,
    steps: Object.entries(steps).map(([name, { phase }]) => `${name} ${phase}`),
  });
  const quiet = { raisedEpoch: 0, unsettled: [], intent: null };
  const completed = { status: 'completed', decision: 'destroy', because: null, ...quiet };
  const rolledBack = {
    status: 'rolled_back',
    decision: 'roll-back',
    because: 'CONSUMER_REFUSED',
    ...quiet,
    raisedEpoch: 1,
  };
  const allDone = [
    'preflight',
    'propose',
    'create',
    'stage',
    'canary',
    'promote',
    'drain',
    'disable',
    'watch',
    'destroy',
  ].map((each) => `${each} done`);

  const expected: Readonly<Record<string, object>> = {
    'staged-rotation-1-completed': { ...completed, seq: 26, steps: allDone },
    'staged-rotation-1-taken-over': {
      ...completed,
      seq: 28,
      raisedEpoch: 6,
      unsettled: ['disable of 5'],
      steps: allDone,
    },
    'staged-rotation-1-rewound': {
      ...completed,
      seq: 28,
      raisedEpoch: 10_002,
      unsettled: ['promote of 1'],
      steps: allDone,
    },
    'staged-rotation-1-taken-back': { ...completed, seq: 33, steps: allDone },
    'staged-rotation-1-rolled-back': {
      ...rolledBack,
      seq: 25,
      steps: [
        'preflight done',
        'propose undone',
        'create undone',
        'stage undone',
        'canary done',
        'promote undone',
        'drain open',
      ],
    },
    'in-place-rotation-1-completed': {
      ...completed,
      seq: 15,
      steps: ['preflight done', 'propose done', 'stage done', 'swap done', 'drain done', 'destroy done'],
    },
    'in-place-rotation-1-rolled-back': {
      ...rolledBack,
      seq: 19,
      steps: ['preflight done', 'propose undone', 'stage undone', 'swap undone', 'drain open'],
    },
  };

  it.each(Object.entries(expected))('%s', (name, state) => {
    expect(summary(fold(golden(name)))).toEqual(state);
  });

  it('every golden journal is folded here', () => {
    const files = readdirSync(new URL('golden', import.meta.url)).map((name) => name.replace(/\.json$/, ''));
    expect(files.sort()).toEqual(Object.keys(expected).sort());
  });

  it.each([stagedRotation, inPlaceRotation])('$name has one of its present number', ({ name, number }) => {
    expect(Object.keys(expected).filter((each) => each.startsWith(`${name}-${number}-`))).not.toEqual([]);
  });

  it.each(Object.keys(expected))('%s folds the same when cut anywhere and gone on from there', (name) => {
    const events = golden(name);
    for (let cut = 1; cut < events.length; cut += 1) {
      expect(events.slice(cut).reduce(evolve, fold(events.slice(0, cut)))).toEqual(fold(events));
    }
  });
});

describe('an event', () => {
  const at = (event: RotationEvent, before: readonly RotationEvent[] = [], change: Partial<Recorded> = {}) =>
    evolve(stateAfter(before), { seq: 50, atMs: requestedMs + 100, epoch: 3, event, ...change });
  const create = (state: RotationState) => stepState(state, 'create');
  const { StepIntended, StepDone, StepFailed, UndoIntended, UndoFailed, RollbackDecided, Parked, CommandTaken } =
    oneOfEach;

  it('StepIntended opens an intent of its executor and marks the step as touched', () => {
    const state = at(StepIntended);
    expect(state.intent).toEqual({ step: 'create', direction: 'do', epoch: 3, atMs: requestedMs + 100, failed: false });
    expect(create(state)).toMatchObject({ phase: 'intended', attempt: 2, touched: true });
    expect(state.seq).toBe(50);
  });

  it('UndoIntended opens an intent the other way', () => {
    expect(at(UndoIntended, done('create')).intent).toMatchObject({ step: 'create', direction: 'undo', epoch: 3 });
  });

  it('StepDone closes the intent, keeps the output and forgets the failures', () => {
    const state = at(StepDone, [StepIntended, { ...StepFailed, retryInMs: 9 }], { epoch: 1 });
    expect(state.intent).toBeNull();
    expect(create(state)).toMatchObject({
      phase: 'done',
      output: StepDone.output,
      doneMs: requestedMs + 100,
      failures: 0,
      dueMs: 0,
      last: '',
    });
  });

  it('UndoDone closes the intent and keeps the output', () => {
    const state = at(oneOfEach.UndoDone, [...done('create', { identity: 'b' }), UndoIntended], { epoch: 1 });
    expect(state.intent).toBeNull();
    expect(create(state)).toMatchObject({ phase: 'undone', output: { identity: 'b' }, doneMs: requestedMs + 100 });
  });

  it.each([
    [StepFailed, StepIntended],
    [UndoFailed, UndoIntended],
  ])('$kind counts, and sets when to try again', (failure, intended) => {
    const state = at({ ...failure, certain: true, retryInMs: 500 }, [intended], { epoch: 1 });
    expect(create(state)).toMatchObject({ failures: 1, dueMs: requestedMs + 600, last: failure.code });
    expect(state.intent).toBeNull();
    expect(create(at({ ...failure, retryInMs: null }, [intended])).dueMs).toBe(0);
  });

  it('a failure that leaves open what happened keeps the intent', () => {
    expect(at({ ...StepFailed, certain: false }, [StepIntended]).intent).toMatchObject({
      step: 'create',
      failed: true,
    });
  });

  it('gates open, wait and open again', () => {
    const drain = (state: RotationState) => stepState(state, 'drain');
    expect(drain(at(oneOfEach.GateOpened))).toMatchObject({ phase: 'open', openedMs: requestedMs + 100 });
    const waiting = at(oneOfEach.GateWaiting, [oneOfEach.GateOpened]);
    expect(drain(waiting)).toMatchObject({
      output: oneOfEach.GateWaiting.facts,
      dueMs: requestedMs + 109,
      last: 'grace',
    });
    const reopened = drain(at(oneOfEach.GateReopened, passed('drain')));
    expect(reopened).toMatchObject({ phase: 'open', dueMs: 0, last: 'held', openedMs: requestedMs });
  });

  it('a gate that is reopened again waits as long as it does between two looks', () => {
    const { pollMs } = stateAfter([]).plan.policy;
    const drain = stepState(
      at(oneOfEach.GateReopened, [...passed('drain'), oneOfEach.GateReopened, ...passed('drain').slice(1)]),
      'drain',
    );
    expect(drain).toMatchObject({ phase: 'open', attempt: 2, dueMs: requestedMs + 100 + pollMs });
    const resumed = at(CommandTaken, [...passed('drain'), oneOfEach.GateReopened, Parked]);
    expect(stepState(resumed, 'drain')).toMatchObject({ attempt: 0, openedMs: requestedMs + 100 });
  });

  it('FenceRaised remembers for which executor', () => {
    expect(at(oneOfEach.FenceRaised).raisedEpoch).toBe(3);
  });

  it('RollbackDecided turns round and gives every step its budget anew', () => {
    const state = at(RollbackDecided, [StepIntended, { ...StepFailed, certain: true, retryInMs: 9_000 }]);
    expect(state).toMatchObject({
      status: 'rolling_back',
      decision: 'roll-back',
      because: { code: 'CANCELLED', facts },
    });
    expect(create(state)).toMatchObject({ attempt: 0, failures: 0, dueMs: 0, touched: true, phase: 'intended' });
  });

  it('DestroyDecided is a decision and nothing else', () => {
    expect(at(oneOfEach.DestroyDecided)).toEqual({ ...stateAfter([]), decision: 'destroy', seq: 50 });
  });

  it('Parked stops, and says why', () => {
    expect(at(Parked)).toMatchObject({ status: 'parked', because: { code: 'HELD', facts } });
  });

  it('a command wakes what is parked in the direction it was going, with all its time anew', () => {
    const gate = [oneOfEach.GateOpened, oneOfEach.GateWaiting];
    const forth = at(CommandTaken, [...gate, Parked]);
    expect(forth).toMatchObject({ status: 'running', because: null, commandId: 3 });
    expect(stepState(forth, 'drain')).toMatchObject({ openedMs: requestedMs + 100, dueMs: 0 });
    expect(at(CommandTaken, [RollbackDecided, Parked])).toMatchObject({
      status: 'rolling_back',
      because: { code: 'HELD' },
    });
  });

  it('a command changes nothing else where nothing is parked', () => {
    const before = [oneOfEach.GateOpened, oneOfEach.GateWaiting];
    expect(at(CommandTaken, before)).toEqual({ ...stateAfter(before), commandId: 3, seq: 50 });
  });

  it('RotationClosed ends it', () => {
    for (const status of ['completed', 'rolled_back', 'cancelled'] as const) {
      const state = at({ kind: 'RotationClosed', status });
      expect(state.status).toBe(status);
      expect(isOpen(state.status)).toBe(false);
    }
    expect(['running', 'rolling_back', 'parked'].every((status) => isOpen(status as RotationState['status']))).toBe(
      true,
    );
  });
});

describe('an intent of an executor that lost its lease', () => {
  const begun = (epoch: number) => ({ event: oneOfEach.StepIntended, epoch });

  it('is unsettled once a newer one means the same again', () => {
    expect(stateAfter([begun(1), begun(4)]).unsettled).toEqual([{ step: 'create', epoch: 1, intendedMs: requestedMs }]);
  });

  it('is unsettled for a newer executor even before that', () => {
    const state = stateAfter([begun(1)]);
    expect(orphaned(state, 1)).toEqual([]);
    expect(orphaned(state, 2)).toEqual([{ step: 'create', epoch: 1, intendedMs: requestedMs }]);
  });

  it('is listed once', () => {
    const state = stateAfter([begun(1), begun(4), begun(5)]);
    expect(state.unsettled.map(({ epoch }) => epoch)).toEqual([1, 4]);
    expect(orphaned(state, 5)).toEqual(state.unsettled);
    expect(orphaned({ ...state, intent: { ...state.intent!, epoch: 4 } }, 6)).toEqual(state.unsettled);
  });

  it('stays open while a newer one looks again, raises in vain or ends something else', () => {
    const open = stateAfter([begun(1)]).intent;
    const raised: RotationEvent = { ...oneOfEach.StepFailed, certain: true, retryInMs: 5 };
    const looked: readonly RotationEvent[] = [...passed('drain'), { ...raised, step: 'drain' }];
    const undone: readonly RotationEvent[] = [oneOfEach.UndoDone, { ...oneOfEach.UndoFailed, certain: true }];
    for (const event of [raised, ...looked, ...undone]) {
      const state = stateAfter([begun(1), { event, epoch: 2 }]);
      expect(state.intent).toEqual(open);
      expect(orphaned(state, 2)).toEqual([{ step: 'create', epoch: 1, intendedMs: requestedMs }]);
    }
  });

  it('never leaves an older executor behind without being listed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 }), (raw) => {
        const epochs = [...raw].sort((a, b) => a - b);
        const state = stateAfter(epochs.map(begun));
        const older = [...new Set(epochs.slice(0, -1))].filter((each) => each !== epochs.at(-1));
        expect(state.unsettled.map(({ epoch }) => epoch)).toEqual(older);
      }),
    );
  });
});

describe('what is no journal is refused', () => {
  it.each([
    ['an empty one', []],
    ['one that begins with something else', [{ seq: 1, atMs: 0, epoch: 0, event: { kind: 'FenceRaised' } as const }]],
    ['one that begins twice', [...aJournal(aPlan(), [{ kind: 'RotationRequested', plan: aPlan() }])]],
  ])('%s', (_, journal) => {
    expect(() => fold(journal)).toThrow(/RotationRequested/);
  });
});
