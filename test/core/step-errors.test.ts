import { describe, expect, it } from 'vitest';
import type { WorkflowShape } from '../../src/core/decide.js';
import { onError, onVerdict, saysNothingNew } from '../../src/core/outcome.js';
import type { ErrorCode } from '../../src/core/errors.js';
import type { Plan } from '../../src/core/plan.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { done, passed, stateAfter } from '../support/journal.js';
import { ableCapabilities, promptPolicy } from '../support/plans.js';

const guard = { gate: 'look', judge: () => ({ kind: 'pass', notBeforeMs: 0, notAfterMs: 0 }) as const };
const workflow: WorkflowShape = {
  name: 'small',
  steps: [
    { kind: 'gate', name: 'look', whenBlind: 'undo' },
    { kind: 'act', name: 'propose', touches: [] },
    { kind: 'act', name: 'put', touches: ['store'] },
    { kind: 'act', name: 'make', touches: ['target'] },
    { kind: 'gate', name: 'drain', whenBlind: 'park' },
    { kind: 'final', name: 'end', touches: ['target'], guard },
  ],
};

// One attempt a cycle, two cycles: the second failure is the last.
const policy = { ...promptPolicy, retry: { firstMs: 1_000, maxMs: 8_000, attemptsPerCycle: 1, cycles: 2 } };

function after(
  at: {
    step: string;
    direction?: 'do' | 'undo';
    failures?: number;
    events?: readonly RotationEvent[];
    plan?: Partial<Plan>;
  },
  code: ErrorCode,
) {
  const { step, direction = 'do', failures = 0, events = [], plan = {} } = at;
  const failed: RotationEvent = {
    kind: 'StepFailed',
    step,
    code: 'STEP_FAILED',
    facts: {},
    certain: true,
    retryInMs: 0,
  };
  const state = stateAfter([...events, ...Array<RotationEvent>(failures).fill(failed)], { policy, ...plan });
  return onError(workflow, state, { step, direction }, { code, facts: { extra: 1 } });
}

const facts = expect.objectContaining({ rotation: 'r1', secret: '/billing/db', extra: 1 });
const tries = (kind: 'StepFailed' | 'UndoFailed', code: ErrorCode, certain: boolean) => ({
  kind,
  step: expect.any(String),
  code,
  facts,
  certain,
  retryInMs: expect.any(Number),
});
const ends = (kind: 'StepFailed' | 'UndoFailed', code: ErrorCode, certain: boolean) => ({
  ...tries(kind, code, certain),
  retryInMs: null,
});

const retry: ErrorCode = 'TARGET_UNREACHABLE';
const undo: ErrorCode = 'PRINCIPAL_IN_USE';
const park: ErrorCode = 'ADMIN_REFUSED';

describe('an error of the class retry', () => {
  it('is tried again, and leaves open what an act may have done', () => {
    expect(after({ step: 'make' }, retry)).toEqual([tries('StepFailed', retry, false)]);
  });

  it('leaves nothing open where the rotator knows that nothing was sent', () => {
    const at = { step: 'make', direction: 'do' } as const;
    const ends = (outcome: string) =>
      onError(workflow, stateAfter([], { policy }), at, { code: retry, facts: { outcome } })[0];
    expect(ends('none')).toMatchObject({ certain: true });
    expect(ends('unknown')).toMatchObject({ certain: false });
  });

  it('is not tried before the target listens again, within the hour', () => {
    const inMs = (retryAfterMs: number | string, direction: 'do' | 'undo' = 'do') =>
      onError(
        workflow,
        stateAfter([], { policy }),
        { step: 'make', direction },
        { code: retry, facts: { retryAfterMs } },
      )[0];
    expect(inMs(60_000)).toMatchObject({ retryInMs: 60_000 });
    expect(inMs(999_999_999)).toMatchObject({ retryInMs: 3_600_000 });
    expect(inMs(0)).toEqual({ ...inMs('soon'), facts: expect.objectContaining({ retryAfterMs: 0 }) });
    expect(inMs(60_000, 'undo')).toMatchObject({ retryInMs: 60_000 });
  });

  it('leaves nothing open where the target has answered that it destroys slowly', () => {
    expect(after({ step: 'end' }, 'STILL_ACCEPTED')).toEqual([tries('StepFailed', 'STILL_ACCEPTED', true)]);
  });

  it('leaves nothing open where a gate looked', () => {
    expect(after({ step: 'look' }, retry)).toEqual([tries('StepFailed', retry, true)]);
  });

  it('turns an act back when the budget is spent', () => {
    expect(after({ step: 'make', failures: 1 }, retry)).toEqual([
      ends('StepFailed', retry, false),
      {
        kind: 'RollbackDecided',
        code: 'RETRIES_EXHAUSTED',
        facts: expect.objectContaining({ attempts: 2, last: retry, step: 'make' }),
      },
    ]);
  });

  it('turns back or parks at a gate that stays blind, as the gate says', () => {
    expect(after({ step: 'look', failures: 1 }, retry)[1]).toMatchObject({
      kind: 'RollbackDecided',
      code: 'RETRIES_EXHAUSTED',
    });
    const [failure, parked] = after({ step: 'drain', failures: 1 }, retry);
    expect(failure).toEqual(ends('StepFailed', retry, true));
    expect(parked).toMatchObject({ kind: 'Parked', code: retry, facts: { attempts: 2 } });
  });

  it('is tried for ever in an undo, in a final, and once destroying is decided', () => {
    const destroying = [...passed('look'), ...done('propose'), { kind: 'DestroyDecided' } as const];
    expect(after({ step: 'make', direction: 'undo', failures: 50 }, retry)).toEqual([
      tries('UndoFailed', retry, false),
    ]);
    expect(after({ step: 'end', failures: 50 }, retry)).toEqual([tries('StepFailed', retry, false)]);
    expect(after({ step: 'drain', failures: 50, events: destroying }, retry)).toEqual([
      tries('StepFailed', retry, true),
    ]);
  });

  it('gives the same delay for the same rotation, step and failure', () => {
    expect(after({ step: 'make' }, retry)).toEqual(after({ step: 'make' }, retry));
    const delay = (rotationId: string, step: string) => after({ step, plan: { rotationId } }, retry)[0];
    const { retryInMs } = delay('r1', 'make') as { readonly retryInMs: number };
    expect(delay('r2', 'make')).not.toMatchObject({ retryInMs });
    expect(delay('r1', 'look')).not.toMatchObject({ retryInMs });
  });
});

describe('an error of the class undo', () => {
  it.each(['look', 'make', 'drain'])('turns the rotation back at %s', (step) => {
    expect(after({ step }, undo)).toEqual([
      ends('StepFailed', undo, true),
      { kind: 'RollbackDecided', code: undo, facts },
    ]);
  });

  it('parks in an undo, in a final, and once destroying is decided', () => {
    const parked = { kind: 'Parked', code: undo, facts };
    expect(after({ step: 'make', direction: 'undo' }, undo)).toEqual([ends('UndoFailed', undo, true), parked]);
    expect(after({ step: 'end' }, undo)).toEqual([ends('StepFailed', undo, true), parked]);
    expect(after({ step: 'make', events: [{ kind: 'DestroyDecided' }] }, undo)).toEqual([
      ends('StepFailed', undo, true),
      parked,
    ]);
  });
});

// INVARIANTS F15: before promote the rotation rolls back, drain is extended.
describe('a master key that cannot be used', () => {
  const blind: ErrorCode = 'KEYRING_KEY_DISABLED';

  it.each(['look', 'make'])('turns the rotation back at %s', (step) => {
    expect(after({ step }, blind)).toEqual([
      ends('StepFailed', blind, true),
      { kind: 'RollbackDecided', code: blind, facts },
    ]);
  });

  it('keeps a gate after promote looking, and parks it when the budget is spent', () => {
    expect(after({ step: 'drain' }, blind)).toEqual([tries('StepFailed', blind, true)]);
    expect(after({ step: 'drain', failures: 1 }, blind)).toEqual([
      ends('StepFailed', blind, true),
      { kind: 'Parked', code: blind, facts },
    ]);
  });

  it('parks in an undo, and once destroying is decided', () => {
    const parked = { kind: 'Parked', code: blind, facts };
    expect(after({ step: 'make', direction: 'undo' }, blind)).toEqual([ends('UndoFailed', blind, true), parked]);
    expect(after({ step: 'end' }, blind)).toEqual([ends('StepFailed', blind, true), parked]);
  });
});

describe('an error of the class park', () => {
  it.each([
    ['look', 'do'],
    ['make', 'do'],
    ['make', 'undo'],
    ['end', 'do'],
  ] as const)('parks at %s, going %s', (step, direction) => {
    const kind = direction === 'do' ? 'StepFailed' : 'UndoFailed';
    expect(after({ step, direction }, park)).toEqual([ends(kind, park, true), { kind: 'Parked', code: park, facts }]);
  });
});

describe('a rejected value', () => {
  const replaced = (times: number) =>
    Array<RotationEvent>(times).fill({ kind: 'ValueReplaced', step: 'make', code: 'VALUE_REJECTED' });

  it('is replaced three times, then the rotation turns back', () => {
    for (const times of [0, 1, 2]) {
      expect(after({ step: 'make', events: replaced(times) }, 'VALUE_REJECTED')).toEqual([
        { kind: 'ValueReplaced', step: 'make', code: 'VALUE_REJECTED' },
      ]);
    }
    expect(after({ step: 'make', events: replaced(3) }, 'VALUE_REJECTED')[1]).toMatchObject({
      kind: 'RollbackDecided',
      code: 'VALUE_REJECTED',
    });
  });

  it('is not replaced once another step has made something of it', () => {
    const tried: RotationEvent = { kind: 'StepIntended', step: 'make', attempt: 1 };
    const proposed = [...passed('look'), ...done('propose'), tried];
    const outcome = (events: readonly RotationEvent[]) => after({ step: 'make', events }, 'VALUE_REJECTED');
    expect(outcome(proposed)).toMatchObject([{ kind: 'ValueReplaced' }]);
    expect(outcome([...passed('look'), ...done('propose'), ...done('put'), tried])[1]).toMatchObject({
      kind: 'RollbackDecided',
      code: 'VALUE_REJECTED',
    });
  });

  it('of a provider cannot be replaced by us', () => {
    const plan = { capabilities: { ...ableCapabilities, origin: 'provider' as const } };
    expect(after({ step: 'make', plan }, 'VALUE_REJECTED')[1]).toMatchObject({ kind: 'RollbackDecided' });
  });

  it('is not replaced while undoing', () => {
    expect(after({ step: 'make', direction: 'undo' }, 'VALUE_REJECTED')[1]).toMatchObject({ kind: 'Parked' });
  });

  it('is proposed anew before its step runs again', () => {
    const state = stateAfter([
      ...passed('look'),
      ...done('propose'),
      { kind: 'StepIntended', step: 'make', attempt: 1 },
      ...replaced(1),
    ]);
    expect(state.steps).toMatchObject({
      propose: { phase: 'idle', touched: true },
      make: { phase: 'idle', touched: true },
    });
    expect(state.intent).toBeNull();
  });
});

it('an error of a step that this version does not know parks', () => {
  expect(after({ step: 'unheard-of' }, retry)).toEqual([
    { kind: 'Parked', code: 'UNKNOWN_STEP', facts: expect.objectContaining({ step: 'unheard-of' }) },
  ]);
});

describe('what a gate judged is written down', () => {
  const state = stateAfter([]);
  const destroying = stateAfter([{ kind: 'DestroyDecided' }]);

  it('a pass as done, a wait as waiting', () => {
    expect(onVerdict(state, 'look', { kind: 'pass', output: { a: 1 } }, 5)).toEqual([
      { kind: 'StepDone', step: 'look', output: { a: 1 }, tookMs: 5 },
    ]);
    expect(onVerdict(state, 'look', { kind: 'wait', facts: 1, why: 'held', againInMs: 9 }, 5)).toEqual([
      { kind: 'GateWaiting', step: 'look', facts: 1, why: 'held', againInMs: 9 },
    ]);
  });

  it('a failure turns back, and parks once destroying is decided', () => {
    const failure = { kind: 'fail', code: 'NEW_REFUSED', facts: { extra: 1 } } as const;
    expect(onVerdict(state, 'look', failure, 5)).toEqual([{ kind: 'RollbackDecided', code: 'NEW_REFUSED', facts }]);
    expect(onVerdict(destroying, 'look', failure, 5)).toEqual([{ kind: 'Parked', code: 'NEW_REFUSED', facts }]);
  });

  it('a park parks', () => {
    expect(onVerdict(state, 'look', { kind: 'park', code: 'ALIAS_MOVED', facts: { extra: 1 } }, 5)).toEqual([
      { kind: 'Parked', code: 'ALIAS_MOVED', facts },
    ]);
  });
});

describe('a gate that waits', () => {
  const usage = { kind: 'known', sessions: 1, youngestAgeMs: 5, oldestAgeMs: 9 };
  const waiting = (change: object = {}, why = 'grace') =>
    ({ kind: 'wait', facts: { atMs: 1, usage, ...change }, why, againInMs: 9 }) as const;
  const state = stateAfter([
    { kind: 'GateOpened', step: 'drain' },
    { kind: 'GateWaiting', step: 'drain', facts: waiting().facts, why: 'grace', againInMs: 9 },
  ]);

  it('for the same reason on the same facts says nothing new, whatever time it is', () => {
    expect(saysNothingNew(state, 'drain', waiting())).toBe(true);
    expect(
      saysNothingNew(state, 'drain', waiting({ atMs: 2, usage: { ...usage, youngestAgeMs: 6, oldestAgeMs: 10 } })),
    ).toBe(true);
  });

  it('says nothing new where the database gives its facts back in another order', () => {
    // As jsonb keeps an object: shorter keys first. https://www.postgresql.org/docs/current/datatype-json.html
    const { kind, sessions, youngestAgeMs, oldestAgeMs } = usage;
    const ordered = [{ atMs: 1, usage: { kind, sessions, youngestAgeMs, oldestAgeMs } }];
    const kept = [{ usage: { oldestAgeMs, kind, youngestAgeMs, sessions }, atMs: 1 }];
    const before = stateAfter([
      { kind: 'GateOpened', step: 'drain' },
      { kind: 'GateWaiting', step: 'drain', facts: kept, why: 'grace', againInMs: 9 },
    ]);
    expect(saysNothingNew(before, 'drain', { kind: 'wait', facts: ordered, why: 'grace', againInMs: 9 })).toBe(true);
  });

  it('for another reason, or on other facts, says something', () => {
    expect(saysNothingNew(state, 'drain', waiting({}, 'held'))).toBe(false);
    expect(saysNothingNew(state, 'drain', waiting({ usage: { ...usage, sessions: 2 } }))).toBe(false);
    expect(saysNothingNew(state, 'look', waiting())).toBe(false);
  });

  it('no more has said something', () => {
    expect(saysNothingNew(state, 'drain', { kind: 'pass', output: waiting().facts })).toBe(false);
  });
});
