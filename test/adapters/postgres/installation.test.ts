import { expect, test } from 'vitest';
import { checkInstallation } from '../../../src/adapters/postgres/installation.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';

const statement = { by: 'local:test', reason: 'a test' };

async function stored(state: State) {
  const { rows } = await state.admin.query<{ place: string; era: number }>(
    `SELECT system_identifier || '/' || timeline AS place, era FROM keyturn.installation`,
  );
  return rows[0];
}

async function auditOf(state: State) {
  const { rows } = await state.admin.query<Record<string, unknown>>(
    `SELECT principal, action, reason, facts->'era' AS era FROM keyturn.audit WHERE rotation_id IS NULL ORDER BY id`,
  );
  return rows;
}

test.each([15, 18] as const)(
  'the first start on PostgreSQL %i stores where it is, with no more than the grants',
  async (major) => {
    const state = await freshState(major);

    expect(await checkInstallation(state.pool)).toEqual({ era: 1 });

    const { rows } = await state.admin.query<{ place: string }>(
      `SELECT system_identifier || '/' || timeline_id AS place FROM pg_control_system(), pg_control_checkpoint()`,
    );
    expect(await stored(state)).toEqual({ place: rows[0]?.place, era: 1 });
    expect(await checkInstallation(state.pool)).toEqual({ era: 1 });
  },
);

test('a database copied from another server refuses until a person says it was restored', async () => {
  const state = await freshState();
  await checkInstallation(state.pool);
  const here = await stored(state);
  await state.admin.query('UPDATE keyturn.installation SET system_identifier = system_identifier - 1');

  await expect(checkInstallation(state.pool)).rejects.toMatchObject({ code: 'DATABASE_MOVED' });
  expect(await state.operations.restored(statement)).toEqual({ era: 2 });

  expect(await stored(state)).toEqual({ place: here?.place, era: 2 });
  expect(await checkInstallation(state.pool)).toEqual({ era: 2 });
  expect(await auditOf(state)).toEqual([{ principal: 'local:test', action: 'Restored', reason: 'a test', era: 2 }]);
});

test('another timeline begins a new era by itself, once, and is audited', async () => {
  const state = await freshState();
  await checkInstallation(state.pool);
  await state.admin.query('UPDATE keyturn.installation SET timeline = timeline + 1');

  const eras = await Promise.all(Array.from({ length: 5 }, async () => (await checkInstallation(state.pool)).era));

  expect(eras).toEqual([2, 2, 2, 2, 2]);
  expect(await auditOf(state)).toEqual([{ principal: 'keyturn', action: 'TimelineChanged', reason: null, era: 2 }]);
  const { lease } = await Executor.start(harnessOf(state), planFor('later'));
  expect(lease.fence.era).toBe(2);
});
