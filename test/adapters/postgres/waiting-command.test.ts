import { expect, test } from 'vitest';
import { postgresJournal } from '../../../src/adapters/postgres/journal.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { freshState, harnessOf } from './state.js';
import { inTheMiddle, waiting } from './waiting.js';

test('a cancel that comes while destroy is being decided waits, and is refused', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('late'));
  const client = await inTheMiddle(state);
  await executor.through(postgresJournal(client)).append([{ kind: 'DestroyDecided' }]);

  const cancel = state.operations.command({ rotationId: 'late-1', kind: 'cancel', by: 'local:kim', reason: 'a case' });
  const refused = expect(cancel).rejects.toMatchObject({ code: 'DECIDED_DESTROY' });
  await waiting(state);
  await client.query('COMMIT');

  await refused;
  expect((await state.admin.query('SELECT kind FROM keyturn.commands')).rows).toEqual([]);
});
