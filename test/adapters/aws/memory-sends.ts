import type { MemoryState } from '../../../src/adapters/memory/state.js';
import type { StoreSends } from '../../../src/ports/store-sends.js';

/** The guard of writes over a state in memory, whose clock a test moves. Nobody waits for a turn. */
export function memorySends(state: MemoryState): StoreSends {
  const sent = new Map<string, number>();
  return {
    turn: async () => undefined,
    admit: async ({ plan, fence }, what) => {
      if (!state.holds(plan.secret, fence.epoch)) return null;
      const nowMs = state.clock.nowMs();
      if (what === 'put') sent.set(plan.rotationId, nowMs);
      return nowMs;
    },
    unsettledMs: async ({ plan }) => {
      const sentMs = sent.get(plan.rotationId);
      return sentMs === undefined ? 0 : Math.max(0, sentMs + plan.storeSettleMs - state.clock.nowMs());
    },
    refused: async ({ plan }) => void sent.delete(plan.rotationId),
  };
}
