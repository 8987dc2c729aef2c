import { describe, expect, it } from 'vitest';
import { MemoryClock } from '../../../src/adapters/memory/clock.js';
import { MemoryState } from '../../../src/adapters/memory/state.js';
import { MemoryStore } from '../../../src/adapters/memory/store.js';
import { Secret } from '../../../src/core/secret.js';
import { aPlan } from '../../support/plans.js';

const { secret } = aPlan();

describe('a backup in memory restores what was there, as often as it is restored', () => {
  it('of journal and leases', () => {
    const state = new MemoryState(new MemoryClock());
    state.accept(aPlan(), [`secret ${secret}`]);
    const before = state.load('r1');
    const restore = state.backUp();

    for (const holder of ['one', 'two']) {
      expect(state.acquire({ rotationId: 'r1', holder, ttlMs: 5_000 })).toMatchObject({ fence: { epoch: 1 } });
      state.hold(secret, true);
      restore();
      expect(state.load('r1')).toEqual(before);
      expect(state.newest()).toEqual({ era: 1, epoch: 0 });
    }
  });

  it('of a store', () => {
    const store = new MemoryStore(new MemoryState(new MemoryClock()));
    store.putInitial(secret, Secret.fromText('{"username":"a","password":"first"}'));
    const restore = store.backUp();

    for (const password of ['second', 'third']) {
      expect(store.putInitial(secret, Secret.fromText(`{"username":"a","password":"${password}"}`))).toBe(2);
      restore();
      expect(store.read(secret, 'current')?.version).toBe(1);
      expect(store.read(secret, 2)).toBeNull();
    }
  });
});
