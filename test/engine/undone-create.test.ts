import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../src/core/capabilities.js';
import { keyturnError, parkedCureOf } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { EngineRequest } from '../../src/engine/request.js';
import { answers } from '../support/evidence.js';
import { ableCapabilities } from '../support/plans.js';
import { aScenario, bothLive, command, planned } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const refusingAt = (at: 'canary' | 'drain'): Pick<Scenario, 'answer'> => ({
  answer: (_, phase) => ({ answer: phase === at ? 'refused' : 'proved', reason: 'a test' }),
});
const undoing = (world: World, request: EngineRequest, step: string, method: string): boolean =>
  world.state.status === 'rolling_back' && request.authority?.step === step && request.method === method;
const breakOld = ({ memory, old }: World): void =>
  memory.target.changeByHand(old!.identity, { value: Secret.fromText('a-persons-own-idea-00000000000000000') });
const mendOld = ({ memory, old }: World): void => memory.target.changeByHand(old!.identity, { value: old!.value });

/** A person breaks the old credential right before this question is answered on the way back. */
const breaksAt =
  (step: string, method: string): NonNullable<Scenario['meddle']> =>
  (world, request) => {
    if (undoing(world, request, step, method)) breakOld(world);
    return undefined;
  };

/** What each wakeup and question makes of `current` is the test's own doing. */
const unsound = (world: World) => world.oracle.violations.filter(({ invariant }) => !['L1', 'I1'].includes(invariant));

it('a label moved onto the new credential while it is switched off finds it on, whoever comes to it', () => {
  const newVersion = 2;
  let refusals = 0;
  const world = new World(
    aScenario({
      ends: 'parked',
      ...refusingAt('canary'),
      meddle: (at, { authority, method }) => {
        if (authority?.step !== 'create') return undefined;
        if (method === 'disable') at.memory.store.moveByHand(at.plan.secret, newVersion);
        if (method !== 'enable' || (refusals += 1) > 1) return undefined;
        throw keyturnError('TARGET_UNREACHABLE', { target: 'billing', endpoint: 'one' });
      },
    }),
  );
  world.run();

  expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
  expect(world.current()?.identity).toBe('billing_b');
  expect(world.memory.target.accepts(world.current()!)).toBe(true);
  expect(bothLive(world)).toBe(true);
});

describe('an old credential that a person breaks after the label was asked to go back to it', () => {
  it.each([
    ['before the label moves', 'promote', 'moveCurrent', ableCapabilities],
    ['while the pending version is retired', 'stage', 'retirePending', ableCapabilities],
    ['while the new one is switched off', 'create', 'disable', ableCapabilities],
    [
      'before the label moves, where nothing can be switched off',
      'promote',
      'moveCurrent',
      { ...ableCapabilities, disable: false },
    ],
    [
      'before the label moves, where a provider makes the values',
      'promote',
      'moveCurrent',
      { ...ableCapabilities, fence: false, origin: 'provider' },
    ],
  ] as const)('%s leaves the new one alive, and mending it lets the rotation end', (_, step, method, capabilities) => {
    let broken = false;
    const world = new World(
      aScenario({
        ...refusingAt('drain'),
        capabilities,
        ends: 'parked',
        meddle: (at, request) =>
          broken ? undefined : ((broken = undoing(at, request, step, method)), breaksAt(step, method)(at, request)),
      }),
    );
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    const { code, facts } = world.state.because!;
    expect(facts['finding']).toMatch(/version 1 .*refused at one/);
    expect(parkedCureOf(code, facts)).toContain('keyturn resume r1');
    const fresh = world.memory.target.accounts().find(({ tag }) => tag === 'r1');
    expect(world.memory.target.accepts({ identity: fresh!.identity, value: fresh!.value! })).toBe(true);

    command(world, 'resume');
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });

    mendOld(world);
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual(['billing_a']);
    expect(unsound(world)).toEqual([]);
  });

  it('is not taken as refused while nobody knows: it is asked again', () => {
    let unknown = 0;
    const world = new World(
      aScenario({
        ...refusingAt('drain'),
        ends: 'rolled_back',
        meddle: (at, request) => {
          const isOld = (request.args[0] as { readonly identity?: string } | undefined)?.identity === 'billing_a';
          if (!isOld || !undoing(at, request, 'create', 'probe') || unknown === 3) return undefined;
          unknown += 1;
          expect(at.memory.target.live()).toContain('billing_b');
          return { answer: answers('accepted', 'unknown') };
        },
      }),
    );
    world.run();
    expect(unknown).toBe(3);
    expect(world.state.status).toBe('rolled_back');
    expect(world.oracle.violations).toEqual([]);
  });
});

describe('an old credential that is refused', () => {
  it('before the new one was promoted is left so: nobody was pointed at the new one', () => {
    const world = new World(
      aScenario({ ...refusingAt('canary'), ends: 'rolled_back', meddle: breaksAt('stage', 'retirePending') }),
    );
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual(['billing_a']);
    expect(unsound(world)).toEqual([]);
  });

  it('from the beginning holds no repair back that never promoted', () => {
    for (const step of ['create', 'promote']) {
      const world = new World(
        aScenario({
          ...planned({ repair: true }),
          prepare: breakOld,
          ends: 'rolled_back',
          meddle: (at, request) => {
            if (at.state.status !== 'running' || request.authority?.step !== step || request.port === 'process') return;
            if (request.method !== 'create' && request.method !== 'moveCurrent') return undefined;
            throw keyturnError('STORE_DENIED', { secret: at.plan.path });
          },
        }),
      );
      world.run();
      expect(world.state.status, `refused in ${step}`).toBe('rolled_back');
      expect(unsound(world)).toEqual([]);
    }
  });

  it('again after a repair was promoted and turned back leaves the new one alive', () => {
    const world = new World(
      aScenario({
        ...planned({ repair: true }),
        ...refusingAt('drain'),
        prepare: breakOld,
        ends: 'parked',
        meddle: (at, request) => {
          if (undoing(at, request, 'promote', 'probe')) mendOld(at);
          return breaksAt('promote', 'moveCurrent')(at, request);
        },
      }),
    );
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(world.memory.target.live()).toContain('billing_b');
  });
});

it('a first credential that is turned back after promote is destroyed: there is nothing to go back to', () => {
  const world = new World(aScenario({ ...refusingAt('drain'), startsWithout: true, ends: 'rolled_back' }));
  world.run();
  expect(world.state.status).toBe('rolled_back');
  expect(world.memory.target.live()).toEqual([]);
  expect(world.oracle.violations).toEqual([]);
});

describe('a new credential that somebody works with while it is taken back', () => {
  const unstoppable: Capabilities = { ...ableCapabilities, disable: false };
  /** A session is open whenever it is asked who uses the new one, until it was asked so often. */
  function inUse(lasts: number, change: Partial<Scenario> = {}) {
    const asked = { times: 0, alive: 0 };
    const world = new World(
      aScenario({
        ...refusingAt('canary'),
        ends: 'rolled_back',
        ...change,
        meddle: (at, request) => {
          if (!undoing(at, request, 'create', 'usage')) return undefined;
          asked.times += 1;
          if (at.memory.target.live().includes('billing_b')) asked.alive += 1;
          at.memory.target.endSessions('billing_b');
          if (asked.times <= lasts) at.memory.target.openSession('billing_b');
          return undefined;
        },
      }),
    );
    world.run();
    return { world, asked };
  }
  const busy = ({ memory, plan }: World): number =>
    (memory.state.load(plan.rotationId)?.events ?? []).filter(
      ({ event }) => event.kind === 'UndoFailed' && event.step === 'create' && event.code === 'TARGET_BUSY',
    ).length;

  it.each([
    ['', ableCapabilities],
    [' where nothing can be switched off', unstoppable],
  ] as const)('is destroyed only when nobody does any more%s', (_, capabilities) => {
    const { world, asked } = inUse(2, { capabilities });

    expect(busy(world)).toBe(2);
    expect(asked.times).toBe(3);
    expect(asked.alive).toBe(capabilities.disable ? 0 : 3);
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual(['billing_a']);
    expect(world.oracle.violations).toEqual([]);
  });

  it('is not waited for where the target ends no sessions: they would never be over', () => {
    const { world } = inUse(Number.POSITIVE_INFINITY, { capabilities: { ...unstoppable, endsSessions: false } });

    expect(busy(world)).toBe(0);
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual(['billing_a']);
  });
});
