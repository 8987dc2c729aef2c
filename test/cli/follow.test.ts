import { expect, test } from 'vitest';
import { follow } from '../../src/cli/follow.js';
import { processTerminal } from '../../src/cli/terminal.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { Executor, planFor } from '../../src/testing/journal-harness.js';
import { freshState, harnessOf } from '../adapters/postgres/state.js';

const parked: RotationEvent = { kind: 'Parked', code: 'ALIAS_MOVED', facts: {} };
const taken = (commandId: number): RotationEvent => ({
  kind: 'CommandTaken',
  command: 'resume',
  commandId,
  by: 'local:test',
  reason: '',
});

test('a rotation that goes on right after its row was read as parked is followed to its next stop', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('followed'));
  await executor.commit([parked]);
  const afterSeq = (await state.views.events('followed-1', 0)).at(-1)?.seq ?? 0;
  const steps = [[taken(1)], [parked]];
  const shown: string[] = [];

  const row = await follow('followed-1', {
    views: {
      ...state.views,
      // What a worker does between the look at the row and the look at the events.
      rotation: async (id) => {
        const found = await state.views.rotation(id);
        const next = steps.shift();
        if (next !== undefined) await executor.commit(next);
        return found;
      },
    },
    terminal: processTerminal(),
    afterSeq,
    show: ({ event }) => shown.push(event.kind),
  });

  expect(row.status).toBe('parked');
  expect(shown).toEqual(['CommandTaken', 'Parked']);
});
