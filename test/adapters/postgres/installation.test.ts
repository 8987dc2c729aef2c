import { expect, onTestFinished, test } from 'vitest';
import { createPool } from '../../../src/adapters/postgres/connection.js';
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

test('a copy beside the original refuses, and the original goes on', async () => {
  const state = await freshState();
  await checkInstallation(state.pool);
  const name = new URL(state.url).pathname.slice(1);
  const server = new URL(state.url);
  server.pathname = '/postgres';
  const copy = new URL(state.url);
  copy.pathname = `/${name}_copy`;
  const [admin, copied] = [createPool(server.href), createPool(copy.href)];
  onTestFinished(async () => {
    await copied.end();
    await admin.query(`DROP DATABASE IF EXISTS ${name}_copy`);
    await admin.end();
  });
  await admin.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [name]);
  await admin.query(`CREATE DATABASE ${name}_copy TEMPLATE ${name}`);

  await expect(checkInstallation(copied)).rejects.toMatchObject({ code: 'DATABASE_MOVED' });
  expect(await checkInstallation(state.pool)).toEqual({ era: 1 });
});

test('an installation that did not know its database yet learns it', async () => {
  const state = await freshState();
  await checkInstallation(state.pool);
  await state.admin.query('UPDATE keyturn.installation SET database_oid = NULL');
  expect(await checkInstallation(state.pool)).toEqual({ era: 1 });
  await state.admin.query('UPDATE keyturn.installation SET database_oid = (database_oid::bigint + 1)::oid');
  await expect(checkInstallation(state.pool)).rejects.toMatchObject({ code: 'DATABASE_MOVED' });
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
