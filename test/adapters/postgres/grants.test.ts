import { expect, test } from 'vitest';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';

const denied = '42501';

async function sqlstateOf(state: State, statement: string): Promise<string | undefined> {
  return state.pool.query(statement).then(
    () => undefined,
    (error: unknown) => (error as { code?: string }).code,
  );
}

test('the app role can neither change nor remove what the journal and the audit trail hold', async () => {
  const state = await freshState();
  await Executor.start(harnessOf(state), planFor('kept'));

  for (const table of ['journal', 'audit']) {
    const change = `UPDATE keyturn.${table} SET at = at`;
    expect([table, await sqlstateOf(state, change)]).toEqual([table, denied]);
    expect([table, await sqlstateOf(state, `DELETE FROM keyturn.${table}`)]).toEqual([table, denied]);
    expect([table, await sqlstateOf(state, `TRUNCATE keyturn.${table} CASCADE`)]).toEqual([table, denied]);
    expect([table, await sqlstateOf(state, `SELECT FROM keyturn.${table} FOR UPDATE`)]).toEqual([table, denied]);
  }
});

test('what is written once cannot be changed by the app role', async () => {
  const state = await freshState();

  const { rows } = await state.admin.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'keyturn'::regnamespace AND relkind = 'r'
     AND NOT has_table_privilege($1, oid, 'UPDATE') ORDER BY relname`,
    [state.role],
  );

  expect(rows.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['audit', 'commands', 'decisions', 'journal', 'migrations', 'waivers']),
  );
});

test('sealed values, challenges and instances are all the app role may delete', async () => {
  const state = await freshState();

  const { rows } = await state.admin.query<{ name: string; rights: readonly boolean[] }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'keyturn'::regnamespace AND relkind = 'r'
     AND (has_table_privilege($1, oid, 'DELETE') OR has_table_privilege($1, oid, 'TRUNCATE')) ORDER BY relname`,
    [state.role],
  );

  expect(rows).toEqual([{ name: 'challenges' }, { name: 'consumer_instances' }, { name: 'sealed_values' }]);
  expect(await sqlstateOf(state, 'DELETE FROM keyturn.sealed_values')).toBeUndefined();
  expect(await sqlstateOf(state, 'DELETE FROM keyturn.leases')).toBe(denied);
});

test('the app role can add nothing to the schema and nothing to the ledger of migrations', async () => {
  const state = await freshState();

  expect(await sqlstateOf(state, 'CREATE TABLE keyturn.mine (id int)')).toBe(denied);
  expect(await sqlstateOf(state, `INSERT INTO keyturn.migrations (name, run_on) VALUES ('x', now())`)).toBe(denied);
});

test('where the audit row cannot be written nothing is appended', async () => {
  const state = await freshState();
  const harness = harnessOf(state);
  const executor = await Executor.start(harness, planFor('audited'));
  await state.admin.query(`REVOKE INSERT ON keyturn.audit FROM ${state.role}`);

  const append = executor.append([{ kind: 'RollbackDecided', code: 'CANCELLED', facts: {} }], {
    sealed: [{ slot: 'new', sealed: Uint8Array.of(1) }],
    claims: ['principal:app'],
  });

  await expect(append).rejects.toMatchObject({ code: 'STATE_REFUSED', facts: { sqlstate: denied } });
  const { rows } = await state.admin.query(
    `SELECT (SELECT count(*)::int FROM keyturn.journal) AS journal, (SELECT count(*)::int FROM keyturn.decisions) AS decisions,
       (SELECT count(*)::int FROM keyturn.sealed_values) AS sealed, (SELECT count(*)::int FROM keyturn.claims) AS claims,
       (SELECT seq FROM keyturn.rotations) AS seq`,
  );
  expect(rows).toEqual([{ journal: 1, decisions: 0, sealed: 0, claims: 1, seq: 1 }]);
});

test('where the audit row cannot be written no rotation begins and no command is taken', async () => {
  const state = await freshState();
  await state.intake.accept(planFor('begun'), []);
  await state.admin.query(`REVOKE INSERT ON keyturn.audit FROM ${state.role}`);
  const command = { rotationId: 'begun-1', kind: 'cancel', by: 'local:test', reason: 'a test' } as const;

  await expect(state.intake.accept(planFor('other'), [])).rejects.toMatchObject({ code: 'STATE_REFUSED' });
  await expect(state.operations.command(command)).rejects.toMatchObject({ code: 'STATE_REFUSED' });

  expect(await state.journal.load('other-1')).toBeNull();
  expect((await state.journal.load('begun-1'))?.surroundings.commands).toEqual([]);
});
