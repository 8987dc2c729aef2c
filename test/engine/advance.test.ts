import { describe, expect, it } from 'vitest';
import { keyturnError } from '../../src/core/errors.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { advance } from '../../src/engine/advance.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { Appended } from '../../src/ports/journal.js';
import { done, passed } from '../support/journal.js';
import { aPlan } from '../support/plans.js';
import { Thrown, answered } from './by-hand.js';
import { type Doing, type Meddle, epoch, nowMs, small, wakeup } from './wakeup.js';

const looked = passed('look', 'seen');
const toEnd = [...looked, ...done('make', 'made'), ...done('put', 'put')];
const isFor = (request: EngineRequest, step: string) => request.port === 'target' && request.authority?.step === step;

describe('a wakeup', () => {
  it('takes a rotation to its end, each intent committed before its step does anything', () => {
    const { advanced, asked, kinds, appends } = wakeup([]);
    expect(advanced).toEqual({ kind: 'rests', status: 'completed', againInMs: null });
    const [first, second, third, fourth, last] = appends;
    expect(appends).toHaveLength(5);
    expect(first).toMatchObject({ events: [{ kind: 'GateOpened' }], dueInMs: 1_000 });
    expect(second).toMatchObject({
      events: [
        { kind: 'StepDone', step: 'look' },
        { kind: 'StepIntended', step: 'make' },
      ],
      claims: ['principal:s:billing'],
      dueInMs: 1_000,
    });
    expect(third?.events).toMatchObject([
      { kind: 'StepDone', output: 'made' },
      { kind: 'StepIntended', step: 'put' },
    ]);
    expect(fourth?.guard).toEqual({ guardSeq: 3, notBeforeMs: 0, notAfterMs: nowMs + 5_000 });
    expect(last).toMatchObject({
      events: [{ kind: 'StepDone', step: 'end' }, { kind: 'RotationClosed' }],
      dueInMs: null,
    });
    expect(kinds.filter((kind) => kind === 'RotationClosed')).toHaveLength(1);
    expect(asked.slice(0, 2)).toEqual(['leases acquire', 'journal load']);
    expect(asked.at(-1)).toBe('leases release');
    const effects = asked.flatMap((each, at) => (each === 'target identify' ? [asked[at - 1]] : []));
    expect(effects).toEqual(['journal append', 'journal append']);
  });

  it('asks in its own name for its own rotation, and of the target under its epoch', () => {
    const { questions } = wakeup(looked);
    const asked = (name: string) => questions.find(({ method }) => method === name);
    expect(asked('acquire')?.args).toEqual([{ rotationId: 'r1', holder: 'worker-1', ttlMs: 5_000 }]);
    expect(asked('load')?.args).toEqual(['r1']);
    expect(asked('identify')?.authority).toEqual({
      plan: aPlan({ workflow: { name: 'small', number: 1 } }),
      step: 'make',
      attempt: 1,
      fence: { era: 1, epoch, known: true },
      nowMs,
    });
    expect(asked('release')?.args).toEqual([{ secret: 'test:/billing/db', epoch }]);
  });

  it('claims nothing where its gate has found nothing to claim', () => {
    const { appends } = wakeup([], { does: { observe: () => 'nothing to claim' } });
    expect(appends[1]).toMatchObject({ events: [{ kind: 'StepDone', step: 'look' }, {}] });
    expect(appends[1]).not.toHaveProperty('claims');
  });

  it.each(['busy', 'full', 'broken'] as const)('that finds the lease %s touches nothing and comes again', (kind) => {
    const { advanced, asked } = wakeup([], {
      meddle: ({ method }) => (method === 'acquire' ? { kind, againInMs: 700 } : undefined),
    });
    expect(advanced).toEqual({ kind: 'refused', againInMs: 700 });
    expect(asked).toEqual(['leases acquire']);
  });

  it.each([
    ['acquire', { kind: 'unknown-rotation' }],
    ['load', null],
  ])('for a rotation that nobody knows does nothing, as %s says', (asking, answer) => {
    // `null` is an answer as well, so the world's own is not asked for.
    const work = advance('r1', { holder: 'worker-1', leaseMs: 5_000, workflows: [small()] });
    const { result, asked } = answered(work, ({ method }) =>
      method === asking ? answer : { kind: 'granted', secret: 's', fence: { era: 1, epoch, known: true } },
    );
    expect(result).toEqual({ kind: 'unknown-rotation' });
    expect(asked.at(-1)?.method).toBe(asking);
  });

  it('of an ended rotation writes nothing and gives the lease back', () => {
    const { advanced, asked } = wakeup([...toEnd, { kind: 'RotationClosed', status: 'cancelled' }]);
    expect(advanced).toEqual({ kind: 'rests', status: 'cancelled', againInMs: null });
    expect(asked).toEqual(['leases acquire', 'journal load', 'leases release']);
  });

  it('that is asked to stop finishes the step it is at and hands over at once', () => {
    const { advanced, appends } = wakeup(looked, {
      meddle: ({ method }) => (method === 'stopping' ? true : undefined),
    });
    expect(advanced).toEqual({ kind: 'rests', status: 'running', againInMs: 0 });
    expect(appends.at(-1)).toMatchObject({ events: [{ kind: 'StepDone', step: 'make' }], dueInMs: 0 });
  });

  it('gives the lease back after a while where a rotation never comes to rest', () => {
    let looks = 0;
    const { advanced, asked } = wakeup([], {
      does: { observe: () => (looks += 1), judge: () => ({ kind: 'wait', againInMs: 0 }) },
    });
    expect(advanced).toEqual({ kind: 'rests', status: 'running', againInMs: 0 });
    expect(looks).toBeGreaterThan(50);
    expect(asked.at(-1)).toBe('leases release');
  });
});

describe('a gate that waits', () => {
  const waiting: Doing = { judge: () => ({ kind: 'wait', againInMs: 4_000 }) };

  it('is written down, and asks to be looked at again when it is due', () => {
    const { advanced, appends } = wakeup([], { does: waiting });
    expect(advanced).toEqual({ kind: 'rests', status: 'running', againInMs: 4_000 });
    expect(appends.at(-1)).toMatchObject({ events: [{ kind: 'GateWaiting', facts: 'seen' }], dueInMs: 4_000 });
  });

  it('for the same as before is not written down again', () => {
    const before: RotationEvent = { kind: 'GateWaiting', step: 'look', facts: 'seen', why: 'not yet', againInMs: 0 };
    const { advanced, appends } = wakeup([{ kind: 'GateOpened', step: 'look' }, before], { does: waiting });
    expect(advanced).toEqual({ kind: 'rests', status: 'running', againInMs: 4_000 });
    expect(appends).toMatchObject([{ events: [], dueInMs: 4_000 }]);
  });
});

describe('a commit', () => {
  const refusing = (at: number, answer: Appended): Meddle => {
    let commits = 0;
    return ({ method }) => (method === 'append' && (commits += 1) === at ? answer : undefined);
  };
  const stale: Appended = {
    kind: 'stale',
    surroundings: { nowMs: nowMs + 1, held: true, waived: [], guardSeq: 4, commands: [] },
  };

  it.each<[string, number]>([
    ['that opens a step', 1],
    ['that closes the rotation', 2],
  ])('%s and is lost ends the wakeup: nothing is compensated, and the lease is not ours to give', (_, at) => {
    const { advanced, asked } = wakeup(toEnd, { meddle: refusing(at, { kind: 'lost' }) });
    expect(advanced).toEqual({ kind: 'lost' });
    expect(asked.at(-1)).toBe('journal append');
  });

  it('that is stale is decided on again, with what people have said meanwhile', () => {
    const { advanced, appends } = wakeup(toEnd, { meddle: refusing(1, stale) });
    expect(advanced).toMatchObject({ status: 'completed' });
    expect(appends[0]).toMatchObject({
      events: [{ kind: 'DestroyDecided' }, { kind: 'StepIntended', standing: { held: true, guardSeq: 4 } }],
      guard: { guardSeq: 4 },
    });
  });

  it('that claims what another rotation holds turns back before anything is made', () => {
    const claimed: Appended = { kind: 'claimed', rotationId: 'r9', key: 'principal:s:billing' };
    const { advanced, asked, kinds } = wakeup([], { meddle: refusing(2, claimed) });
    expect(advanced).toMatchObject({ kind: 'rests', status: 'rolled_back' });
    expect(kinds).toEqual(['GateOpened', 'RollbackDecided', 'RotationClosed']);
    expect(asked).not.toContain('target identify');
  });

  it('that is refused while the rotation comes to rest is tried again at once', () => {
    const { advanced } = wakeup([{ kind: 'GateOpened', step: 'look' }], {
      does: { judge: () => ({ kind: 'wait', againInMs: 4_000 }) },
      meddle: refusing(1, stale),
    });
    expect(advanced).toEqual({ kind: 'rests', status: 'running', againInMs: 0 });
  });
});

describe('a step that fails', () => {
  const failing = (code: 'LEASE_LOST' | 'STORE_STALE' | 'STALE_EPOCH' | 'TARGET_UNREACHABLE', facts = {}): Meddle => {
    const named = { secret: '/billing/db', target: 'billing', endpoint: 'one', ...facts };
    const error = new Thrown(keyturnError(code, named));
    return (request) => (isFor(request, 'make') ? error : undefined);
  };

  it('for the time being leaves its intent open and hands over to a newer epoch', () => {
    const { advanced, appends } = wakeup(looked, { meddle: failing('TARGET_UNREACHABLE') });
    expect(advanced).toMatchObject({ kind: 'rests', status: 'running', againInMs: expect.any(Number) });
    expect(appends.at(-1)?.events).toMatchObject([{ kind: 'StepFailed', step: 'make', certain: false }]);
  });

  it.each(['LEASE_LOST', 'STORE_STALE'] as const)('with %s has lost the lease, and writes nothing', (code) => {
    const { advanced, kinds } = wakeup(looked, { meddle: failing(code) });
    expect(advanced).toEqual({ kind: 'lost' });
    expect(kinds).toEqual(['StepIntended']);
  });

  it('because a newer executor was at the target has lost the lease', () => {
    const { advanced, kinds, asked } = wakeup(looked, {
      meddle: failing('STALE_EPOCH', { storedEra: 1, storedEpoch: epoch }),
    });
    expect(advanced).toEqual({ kind: 'lost' });
    expect(kinds).toEqual(['StepIntended']);
    expect(asked.at(-1)).toBe('leases newest');
  });

  it.each([
    { storedEra: 1, storedEpoch: epoch + 1 },
    { storedEra: 2, storedEpoch: 1 },
  ])('because the target knows what our database never gave out ($storedEra, $storedEpoch) parks', (facts) => {
    const { advanced, appends } = wakeup(looked, { meddle: failing('STALE_EPOCH', facts) });
    expect(advanced).toEqual({ kind: 'rests', status: 'parked', againInMs: null });
    expect(appends.at(-1)?.events.at(-1)).toMatchObject({ kind: 'Parked', code: 'DATABASE_REWOUND' });
  });

  it('because the target refuses without saying what it has seen has lost the lease', () => {
    expect(wakeup(looked, { meddle: failing('STALE_EPOCH') }).advanced).toEqual({ kind: 'lost' });
  });

  it('because what it hands on is no JSON turns the rotation back, and says where', () => {
    const { advanced, appends } = wakeup(looked, { does: { output: { port: 5432, at: new Map() } } });
    expect(advanced).toMatchObject({ kind: 'rests', status: 'rolled_back' });
    const { events } = appends.find(({ events: [first] }) => first?.kind === 'StepFailed') ?? { events: [] };
    expect(events).toMatchObject([
      { kind: 'StepFailed', code: 'OUTPUT_NOT_JSON', facts: { step: 'make', path: expect.stringMatching(/at/) } },
      { kind: 'RollbackDecided', code: 'OUTPUT_NOT_JSON' },
    ]);
    expect(appends.flatMap((append) => append.events).map(({ kind }) => kind)).not.toContain('StepDone');
  });
});

describe('going back', () => {
  const rollback: RotationEvent = { kind: 'RollbackDecided', code: 'CANCELLED', facts: {} };
  const back = [...looked, ...done('make', 'made'), rollback];

  it('raises the fence, then undoes under an intent of its own', () => {
    const { advanced, kinds, asked } = wakeup(back);
    expect(advanced).toEqual({ kind: 'rests', status: 'cancelled', againInMs: null });
    expect(kinds).toEqual(['FenceRaised', 'UndoIntended', 'UndoDone', 'RotationClosed']);
    expect(asked.filter((each) => each.startsWith('target') || each.startsWith('journal'))).toEqual([
      'journal load',
      'target raise',
      'journal append',
      'target raise',
      'journal append',
    ]);
  });

  it.each([
    ['a raise', 1],
    ['an undo', 2],
  ])('%s that fails has failed as an undo', (_, at) => {
    let raises = 0;
    const error = new Thrown(keyturnError('TARGET_UNREACHABLE', { target: 'billing', endpoint: 'one' }));
    const { appends } = wakeup(back, {
      meddle: ({ method }) => (method === 'raise' && (raises += 1) === at ? error : undefined),
    });
    expect(appends.at(-1)?.events.at(-1)).toMatchObject({ kind: 'UndoFailed', code: 'TARGET_UNREACHABLE' });
  });
});

it('a raise that fails on the way forward has failed as a step', () => {
  const error = new Thrown(keyturnError('TARGET_UNREACHABLE', { target: 'billing', endpoint: 'one' }));
  const { appends, asked } = wakeup([...looked, { kind: 'StepIntended', step: 'make', attempt: 1 }], {
    meddle: ({ method }) => (method === 'raise' ? error : undefined),
  });
  expect(asked).toContain('target raise');
  expect(appends.at(-1)?.events).toMatchObject([{ kind: 'StepFailed', step: 'make', code: 'TARGET_UNREACHABLE' }]);
});

describe('a workflow that this version does not know', () => {
  const unknown = {
    workflows: [
      { ...small(), number: 2 },
      { ...small(), name: 'other' },
    ],
  };

  it.each<[string, readonly RotationEvent[]]>([
    ['goes forth', looked],
    ['goes back', [...looked, { kind: 'RollbackDecided', code: 'CANCELLED', facts: {} }]],
  ])('parks a rotation that %s, and touches nothing', (_, events) => {
    const { advanced, appends, asked } = wakeup(events, unknown);
    expect(advanced).toEqual({ kind: 'rests', status: 'parked', againInMs: null });
    expect(appends.flatMap((append) => append.events)).toEqual([
      {
        kind: 'Parked',
        code: 'UNKNOWN_STEP',
        facts: expect.objectContaining({ rotation: 'r1', step: 'small 1' }),
      },
    ]);
    expect(asked).toEqual(['leases acquire', 'journal load', 'journal append', 'leases release']);
  });

  it('leaves alone what is parked or has ended', () => {
    const parked: RotationEvent = { kind: 'Parked', code: 'HELD', facts: {} };
    expect(wakeup([...looked, parked], unknown)).toMatchObject({
      advanced: { kind: 'rests', status: 'parked', againInMs: null },
      appends: [],
    });
    expect(wakeup([{ kind: 'RotationClosed', status: 'completed' }], unknown)).toMatchObject({
      advanced: { kind: 'rests', status: 'completed', againInMs: null },
      appends: [],
    });
  });
});
