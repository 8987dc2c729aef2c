import { describe, expect, it } from 'vitest';
import { MemoryClock } from '../../../src/adapters/memory/clock.js';
import { MemoryState } from '../../../src/adapters/memory/state.js';
import { aPlan } from '../../support/plans.js';

describe('a backup of journal and leases in memory', () => {
  it('restores what was there, as often as it is restored', () => {
    const state = new MemoryState(new MemoryClock());
    state.accept(aPlan(), ['secret test:/billing/db']);
    const before = state.load('r1');
    const restore = state.backUp();

    for (const holder of ['one', 'two']) {
      expect(state.acquire({ rotationId: 'r1', holder, ttlMs: 5_000 })).toMatchObject({ fence: { epoch: 1 } });
      state.hold('test:/billing/db', true);
      restore();
      expect(state.load('r1')).toEqual(before);
      expect(state.newest()).toEqual({ era: 1, epoch: 0 });
    }
  });
});
