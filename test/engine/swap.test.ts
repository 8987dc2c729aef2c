import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../src/core/capabilities.js';
import { renderCredential } from '../../src/core/credential.js';
import type { ErrorCode } from '../../src/core/errors.js';
import type { EndpointAnswer } from '../../src/core/observation.js';
import { Secret } from '../../src/core/secret.js';
import type { EngineRequest } from '../../src/engine/request.js';
import { swap } from '../../workflows/steps/swap.js';
import { answers } from '../support/evidence.js';
import { ableCapabilities } from '../support/plans.js';
import { aScenario, command, told } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const oneLive: Capabilities = { ...ableCapabilities, overlap: 'one-live', disable: false, endsSessions: false };
const newVersion = 2;

const inPlace = (change: Partial<Scenario>): World =>
  new World(aScenario({ workflow: 'in-place-rotation', capabilities: oneLive, ...change }));
const refusingAtDrain: Pick<Scenario, 'answer' | 'ends'> = {
  answer: () => ({ answer: 'refused', reason: 'a test' }),
  ends: 'rolled_back',
};

/** A question of swap itself, forwards or on the way back. */
const swapping = (world: World, request: EngineRequest, method: string, status = 'running'): boolean =>
  world.state.status === status && request.authority?.step === 'swap' && request.method === method;

/** The first logins with the new credential in swap are answered so. */
function firstAnswers(...given: readonly (readonly EndpointAnswer[])[]): Pick<Scenario, 'meddle'> {
  const left = [...given];
  return {
    meddle: (world, request) => {
      const answer = swapping(world, request, 'verify') ? left.shift() : undefined;
      return answer === undefined ? undefined : { answer };
    },
  };
}

const failures = ({ memory, plan }: World): readonly (readonly [string, ErrorCode, unknown])[] =>
  (memory.state.load(plan.rotationId)?.events ?? []).flatMap(({ event }) =>
    event.kind === 'StepFailed' || event.kind === 'UndoFailed'
      ? [[`${event.kind} ${event.step}`, event.code, event.facts['endpoint']] as const]
      : [],
  );

describe('a swap after which the new credential', () => {
  it.each([
    ['is refused on one endpoint', answers('accepted', 'refused'), 'two'],
    ['is not there on one endpoint', answers('absent', 'accepted'), 'one'],
    ['is refused on one endpoint and the other is silent', answers('unknown', 'refused'), 'two'],
  ] as const)('%s is taken back at once', (_, seen, endpoint) => {
    const world = inPlace({ ...firstAnswers(seen), ends: 'rolled_back' });
    world.run();

    expect(world.state).toMatchObject({
      status: 'rolled_back',
      because: { code: 'VERIFY_REFUSED', facts: { secret: world.plan.path, endpoint } },
    });
    expect(told(world)).not.toContain('GateOpened drain');
    expect(world.memory.target.accepts(world.old!)).toBe(true);
    expect(world.oracle.violations).toEqual([]);
  });

  it('may be accepted, for all that one endpoint says, is not done before all have said so', () => {
    const silent = firstAnswers(answers('accepted', 'unknown'), answers('unknown', 'accepted'));
    const world = inPlace(silent);
    world.run();

    expect(failures(world)).toEqual([
      ['StepFailed swap', 'TARGET_UNREACHABLE', 'two'],
      ['StepFailed swap', 'TARGET_UNREACHABLE', 'one'],
    ]);
    expect(told(world).filter((each) => each === 'StepDone swap')).toHaveLength(1);
    expect(world.state.status).toBe('completed');
    expect(world.oracle.violations).toEqual([]);
  });

  it('is accepted by nobody, because no endpoint was asked, is not done', () => {
    const world = inPlace(firstAnswers([]));
    world.run();

    expect(failures(world)).toEqual([['StepFailed swap', 'TARGET_UNREACHABLE', '?']]);
    expect(world.state.status).toBe('completed');
  });
});

describe('a swap', () => {
  it('whose sealed value nobody can open makes nothing live', () => {
    const world = inPlace({
      ends: 'rolled_back',
      meddle: (at, request) => (swapping(at, request, 'open') ? { answer: null } : undefined),
    });
    world.run();

    expect(failures(world)[0]?.slice(0, 2)).toEqual(['StepFailed swap', 'KEYRING_DENIED']);
    expect(world.memory.target.accepts(world.old!)).toBe(true);
  });

  it('says that it touches both the target and the store, so that both settle what it left behind', () => {
    expect(swap.touches).toEqual(['target', 'store']);
  });

  it('says what it moved, and `previous` is on the old version', () => {
    const world = inPlace({});
    world.run();

    expect(world.state.steps['swap']?.output).toEqual({ identity: 'billing', from: 1, to: newVersion });
    expect(world.memory.store.read(world.plan.secret, 'previous')?.version).toBe(1);
  });
});

describe('a swap of what somebody has replaced since preflight', () => {
  const theirs = Secret.fromText('what-another-hand-has-put-there-000000');

  /** Another value is live, and `current` names it: by a person, or by a later rotation that the database has forgotten. */
  function replaced({ memory, plan, old }: World): void {
    const credential = { identity: old!.identity, value: theirs };
    memory.target.changeByHand(credential.identity, { value: theirs });
    memory.store.moveByHand(
      plan.secret,
      memory.store.putByHand(plan.secret, renderCredential(credential, plan.fields)),
    );
  }

  it('leaves it alone and parks', () => {
    let isReplaced = false;
    const world = inPlace({
      ends: 'parked',
      meddle: (at, request) => {
        if (isReplaced || !swapping(at, request, 'open')) return;
        isReplaced = true;
        replaced(at);
      },
    });
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'ALIAS_MOVED' } });
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });

  it('leaves it alone where the database has forgotten the swap, and whoever came after', () => {
    let forget: (() => void) | undefined;
    const world = inPlace({
      meddle: (at, request) => {
        if (swapping(at, request, 'open')) forget ??= at.memory.state.backUp();
        return undefined;
      },
    });
    world.run();
    expect(world.state.status).toBe('completed');
    replaced(world);
    forget?.();
    world.memory.state.restored();
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'ALIAS_MOVED' } });
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });
});

describe('a swap that is taken back', () => {
  /** A person puts the label onto a copy of what it names, right before this question on the way back. */
  const movedAt = (method: string, change: Partial<Scenario> = {}): World =>
    inPlace({
      ...refusingAtDrain,
      ...change,
      ends: 'parked',
      meddle: (at, request) => {
        if (!swapping(at, request, method, 'rolling_back')) return;
        const { store } = at.memory;
        const { value } = store.read(at.plan.secret, 'current')!;
        store.moveByHand(at.plan.secret, store.putByHand(at.plan.secret, value));
      },
    });

  it('leaves the target alone where a person has put the label elsewhere', () => {
    const world = movedAt('read');
    world.run();

    expect(world.state).toMatchObject({
      status: 'parked',
      because: {
        code: 'UNDO_UNSAFE',
        facts: { step: 'swap', finding: 'the label `current` is not where this rotation put it' },
      },
    });
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
    expect(world.memory.target.accepts(world.old!)).toBe(false);
  });

  it('is not done where a person puts the label elsewhere after it was looked at', () => {
    const world = movedAt('moveCurrent');
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'ALIAS_MOVED' } });
    expect(told(world)).not.toContain('UndoDone swap');
  });

  it('goes on from where the label is back already', () => {
    let isBack = false;
    const world = inPlace({
      ...refusingAtDrain,
      meddle: (at, request) => {
        if (isBack || !swapping(at, request, 'read', 'rolling_back')) return;
        isBack = true;
        at.memory.store.moveByHand(at.plan.secret, 1);
      },
    });
    world.run();

    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.accepts(world.old!)).toBe(true);
    expect(world.oracle.violations).toEqual([]);
  });

  it('parks where the old version cannot be read, and goes on when it can', () => {
    let isGone = true;
    const world = inPlace({
      ...refusingAtDrain,
      ends: 'parked',
      meddle: (at, request) =>
        isGone && swapping(at, request, 'read', 'rolling_back') && request.args[0] === 1 ? { answer: null } : undefined,
    });
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'CURRENT_UNREADABLE' } });
    expect(world.memory.target.accepts(world.current()!)).toBe(true);

    isGone = false;
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.accepts(world.old!)).toBe(true);
  });

  it('puts `previous` back to where it was before', () => {
    const world = inPlace(refusingAtDrain);
    world.run();

    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.store.read(world.plan.secret, 'previous')).toBe(null);
  });

  it('without an old credential destroys the new one after the label is off it', () => {
    const world = inPlace({ ...refusingAtDrain, startsWithout: true });
    world.run();

    expect(world.state.status).toBe('rolled_back');
    expect(world.current()).toBe(null);
    expect(world.memory.target.live()).toEqual([]);
    expect(world.oracle.violations).toEqual([]);
  });

  it('without an old credential takes a label that reads as off already as a read, and asks the store', () => {
    const world = inPlace({
      ...refusingAtDrain,
      startsWithout: true,
      meddle: (at, request) => (swapping(at, request, 'read', 'rolling_back') ? { answer: null } : undefined),
    });
    world.run();

    expect(failures(world)).toEqual([]);
    expect(world.state.status).toBe('rolled_back');
    expect(world.current()).toBe(null);
  });

  it('without an old credential destroys nothing that the label was put on meanwhile', () => {
    const world = movedAt('moveCurrent', { startsWithout: true });
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'ALIAS_MOVED' } });
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });
});
