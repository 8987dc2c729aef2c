import { describe, expect, it } from 'vitest';
import { renderCredential } from '../../src/core/credential.js';
import { Secret } from '../../src/core/secret.js';
import { ableCapabilities } from '../support/plans.js';
import { aScenario, bothLive, command } from './driven.js';
import { World } from './world.js';

const another = Secret.fromText('another-value-that-was-never-lost-000000');

/** A later rotation, which the database is about to forget wholly, has promoted what it made. */
function aLaterOneDrains({ memory: { store, target }, plan }: World, identity: string): void {
  const later = { identity, value: Secret.fromText('what-a-later-rotation-has-made-0000000') };
  target.adopt(later);
  store.moveByHand(plan.secret, store.putByHand(plan.secret, renderCredential(later, plan.fields)));
}

describe('a rotation whose database has forgotten how far it was', () => {
  it('does not make anew what current names', () => {
    let forget: (() => void) | undefined;
    let forgotten = false;
    const world = new World(
      aScenario({
        ends: 'completed',
        meddle: (at, { method }) => {
          if (method !== 'propose') return undefined;
          forget ??= at.memory.state.backUp();
          return forgotten ? { answer: { identity: 'billing_b', value: another } } : undefined;
        },
      }),
    );
    world.run();
    forget?.();
    forgotten = true;
    world.memory.state.restored();
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });

  it('does not make anew what applications may still be on their way from, after a rotation that is forgotten wholly', () => {
    let forget: (() => void) | undefined;
    let forgotten = false;
    const world = new World(
      aScenario({
        ends: 'parked',
        meddle: (at, { method, args }) => {
          if (forgotten && method === 'read' && args[0] === 'previous')
            return { answer: at.memory.store.read(at.plan.secret, 2) };
          if (method !== 'propose') return undefined;
          forget ??= at.memory.state.backUp();
          return forgotten ? { answer: { identity: 'billing_b', value: another } } : undefined;
        },
      }),
    );
    world.run();
    const first = world.current()!;
    aLaterOneDrains(world, 'billing_a');
    forget?.();
    forgotten = true;
    world.memory.state.restored();
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(world.memory.target.accepts(first)).toBe(true);
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });

  it('asks a provider for no other key while applications may still be on their way from the first', () => {
    const newVersion = 2;
    let forget: (() => void) | undefined;
    let forgotten = false;
    const world = new World(
      aScenario({
        capabilities: { ...ableCapabilities, fence: false, origin: 'provider' },
        ends: 'parked',
        meddle: (at, { method, args }) => {
          if (forgotten && method === 'read' && args[0] === 'previous')
            return { answer: at.memory.store.read(at.plan.secret, newVersion) };
          if (method === 'propose') forget ??= at.memory.state.backUp();
          return undefined;
        },
      }),
    );
    world.run();
    const first = world.current()!;
    aLaterOneDrains(world, 'billing-r2-1');
    forget?.();
    forgotten = true;
    world.memory.state.restored();
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(world.memory.target.accepts(first)).toBe(true);
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });

  it('does not promote what it has destroyed since, though servers that are behind still let it in', () => {
    let forget: (() => void) | undefined;
    let forgotten = false;
    const world = new World(
      aScenario({
        ends: 'rolled_back',
        answer: (_, phase) => ({ answer: phase === 'canary' && !forgotten ? 'refused' : 'proved', reason: '' }),
        meddle: ({ memory: { state, target } }, { authority, method }) => {
          if (method === 'verify') forget ??= state.backUp();
          if (method === 'disable') for (const endpoint of ['one', 'two']) target.fallBehind(endpoint);
          const isLookAtDead = method === 'probe' && authority?.step === 'create' && !forgotten;
          return isLookAtDead ? { answer: [{ endpoint: 'one', answer: 'refused' }] } : undefined;
        },
      }),
    );
    world.run();
    expect(world.state).toMatchObject({ status: 'rolled_back', because: { code: 'CANARY_REFUSED' } });
    forget?.();
    forgotten = true;
    world.memory.state.restored();
    world.run();

    expect(world.state).toMatchObject({ status: 'rolled_back', because: { code: 'CANARY_TIMED_OUT' } });
    expect(world.current()?.identity).toBe('billing_a');
    expect(world.memory.target.live()).toEqual(['billing_a']);
  });

  it('does not promote a version of its own that holds a value which is lost', () => {
    const world = new World(
      aScenario({
        ends: 'parked',
        meddle: (at, { authority, port, method, args }) => {
          if (authority?.step !== 'stage' || port !== 'store' || method !== 'read') return undefined;
          const stored = at.memory.store.read(at.plan.secret, args[0] as number);
          const value = renderCredential({ identity: 'billing_b', value: another }, at.plan.fields);
          return { answer: { ...stored, value } };
        },
      }),
    );
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'FOREIGN_VERSION' } });
    expect(bothLive(world)).toBe(true);

    command(world, 'rollback');
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual(['billing_a']);
  });
});

it('a gate that waits when the database is rewound has all its time anew', () => {
  let isRestored = false;
  const elapsedMs = (at: World): number => at.memory.clock.nowMs() - at.state.startedMs;
  const world: World = new World(
    aScenario({
      answer: (_, phase) => ({
        answer: phase === 'drain' && elapsedMs(world) < 80_000 ? 'pending' : 'proved',
        reason: '',
      }),
      meanwhile: (at) => {
        if (isRestored || elapsedMs(at) < 50_000) return;
        isRestored = true;
        at.memory.state.restored();
      },
    }),
  );
  world.run();

  expect(world.plan.policy.drainMaxMs).toBe(60_000);
  expect(world.state.status).toBe('completed');
  expect(world.oracle.violations).toEqual([]);
});

it('a version that another hand has put with the same value is not promoted: nobody would know it for ours', () => {
  const world = new World(
    aScenario({
      ends: 'parked',
      meddle: ({ memory: { store }, plan }, { method, args }) => {
        if (method !== 'putPending') return;
        const version = store.putByHand(plan.secret, args[0] as Secret);
        return { answer: { version, digest: store.read(plan.secret, version)?.digest } };
      },
    }),
  );
  world.run();

  expect(world.state).toMatchObject({ status: 'parked', because: { code: 'FOREIGN_VERSION' } });
  expect(world.current()?.identity).toBe('billing_a');
  expect(bothLive(world)).toBe(true);
});
