import { expect, test } from 'vitest';
import { Executor, planFor } from '../../src/testing/journal-harness.js';
import { freshState, harnessOf } from '../adapters/postgres/state.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn } from './keyturn.js';

test.each([
  ['cancel', 'rolled_back', 0],
  ['rollback', 'rolled_back', 0],
  ['cancel', 'completed', 1],
  ['rollback', 'parked', 3],
] as const)('%s --wait of a rotation that is then %s ends with %i', async (kind, ended, code) => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('steered'));
  const options = { cwd: await temporaryFolder(), env: { KEYTURN_DATABASE_URL: state.url } };

  const steered = keyturn([kind, 'steered-1', '--wait'], options);
  await eventually('the command is written down', async () => {
    const { rows } = await state.admin.query('SELECT FROM keyturn.commands');
    return rows.length > 0;
  });
  await executor.commit(
    ended === 'parked'
      ? [{ kind: 'Parked', code: 'ALIAS_MOVED', facts: {} }]
      : [{ kind: 'RotationClosed', status: ended }],
  );

  expect(await steered).toMatchObject({ code, stderr: '' });
});
