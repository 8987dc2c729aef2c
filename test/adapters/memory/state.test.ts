import { describe, it } from 'vitest';
import { MemoryClock } from '../../../src/adapters/memory/clock.js';
import { MemoryState } from '../../../src/adapters/memory/state.js';
import { type JournalHarness, journalCases } from '../../../src/testing/journal-cases.js';

function harness(): JournalHarness {
  const clock = new MemoryClock();
  const state = new MemoryState(clock);
  return {
    journal: state,
    intake: state,
    leases: state,
    operations: {
      command: async (command) => state.command(command),
      hold: async ({ secret }) => state.hold(secret, true),
      release: async ({ secret }) => void state.hold(secret, false),
      waive: async (waiver) => state.waive(waiver),
      orphan: async () => undefined,
      restored: async () => state.restored(),
    },
    sweep: { unattended: async (limit, quietMs) => state.unattended(limit, quietMs) },
    pass: (ms) => clock.pass(ms),
    bound: (target) => state.bound(target),
    sealedSlots: (rotationId) => state.sealedSlots(rotationId),
  };
}

describe('journal, leases and intake in memory', () => {
  for (const each of journalCases) it(each.name, () => each.run(harness()));
});
