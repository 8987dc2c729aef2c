import { describe, it } from 'vitest';
import { MemoryClock } from '../../../src/adapters/memory/clock.js';
import { MemoryState } from '../../../src/adapters/memory/state.js';
import { MemoryStore } from '../../../src/adapters/memory/store.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import { type StoreHarness, storeCases } from '../../../src/testing/store-cases.js';
import { aPlan } from '../../support/plans.js';

const ttlMs = 60_000;

function harness(): StoreHarness {
  const clock = new MemoryClock();
  const state = new MemoryState(clock);
  let count = 0;
  const lease = (scope: Omit<Scope, 'fence'>): Scope => {
    const granted = state.acquire({ rotationId: scope.plan.rotationId, holder: 'case', ttlMs });
    if (granted.kind !== 'granted') throw new Error(`the lease was not granted: ${granted.kind}`);
    return { ...scope, fence: granted.fence };
  };
  return {
    store: new MemoryStore(state).port,
    freshSecret: async () => `test:/fresh/${(count += 1)}`,
    begin: async (secret) => {
      const plan = aPlan({
        secret,
        path: secret.slice('test:'.length),
        environment: 'test',
        rotationId: `r${(count += 1)}`,
      });
      const accepted = state.accept(plan, []);
      if (accepted.kind === 'open') state.abandon(accepted.rotationId);
      if (accepted.kind === 'open') state.accept(plan, []);
      return lease({
        plan,
        step: 'stage',
        attempt: 1,
        nowMs: clock.nowMs(),
        signal: new AbortController().signal,
        deadlineMs: 10_000,
      });
    },
    takeOver: async (scope) => lease(scope),
    expire: async () => clock.pass(ttlMs),
    giveBack: async ({ plan, fence }) => state.release({ secret: plan.secret, epoch: fence.epoch }),
  };
}

describe('the parameter store in memory', () => {
  for (const each of storeCases) it(each.name, () => each.run(harness()));
});
