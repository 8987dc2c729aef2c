import type { MemoryState } from '../../../src/adapters/memory/state.js';
import type { StoreSends } from '../../../src/ports/store-sends.js';

/** The guard of writes over a state in memory, whose clock a test moves. Nobody waits for a turn. */
export function memorySends(state: MemoryState): StoreSends {
  const sent = new Map<string, { readonly atMs: number; readonly mirrors: string | null }>();
  return {
    turn: async () => undefined,
    admit: async ({ plan, fence }, what, mirrors) => {
      if (!state.holds(plan.secret, fence.epoch)) return null;
      const nowMs = state.clock.nowMs();
      if (what === 'put') sent.set(plan.rotationId, { atMs: nowMs, mirrors: mirrors ?? null });
      return nowMs;
    },
    unsettledMs: async ({ plan }) => {
      const put = sent.get(plan.rotationId);
      return put === undefined ? 0 : Math.max(0, put.atMs + plan.storeSettleMs - state.clock.nowMs());
    },
    mirrored: async ({ plan }) => sent.get(plan.rotationId)?.mirrors ?? null,
    refused: async ({ plan, fence }) => {
      if (state.holds(plan.secret, fence.epoch)) sent.delete(plan.rotationId);
    },
  };
}
