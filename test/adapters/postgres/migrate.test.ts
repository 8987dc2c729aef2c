import { expect, onTestFinished, test } from 'vitest';
import { createPool } from '../../../src/adapters/postgres/connection.js';
import { assertMigrated, migrate } from '../../../src/adapters/postgres/migrate.js';
import { postgresJournal } from '../../../src/adapters/postgres/journal.js';
import { freshDatabase } from '../../support/postgres.js';

async function freshPool(major: 15 | 18 = 18) {
  const { url } = await freshDatabase({ major });
  const pool = createPool(url);
  onTestFinished(() => pool.end());
  return { url, pool };
}

test('a database that was never migrated is refused by name', async () => {
  const { pool } = await freshPool();

  await expect(assertMigrated(pool)).rejects.toMatchObject({ code: 'DATABASE_UNMIGRATED' });
  await expect(postgresJournal(pool).load('r')).rejects.toMatchObject({ code: 'DATABASE_UNMIGRATED' });
});

test('a database that lacks the newest migration is refused', async () => {
  const { url, pool } = await freshPool();
  await migrate(url);
  await pool.query('DELETE FROM keyturn.migrations WHERE id = (SELECT max(id) FROM keyturn.migrations)');

  await expect(assertMigrated(pool)).rejects.toMatchObject({ code: 'DATABASE_UNMIGRATED' });
});

test.each([15, 18] as const)('five migrations at once on PostgreSQL %i end in one migrated database', async (major) => {
  const { url, pool } = await freshPool(major);

  await Promise.all(Array.from({ length: 5 }, async () => migrate(url, { appRole: 'pg_monitor' })));
  await migrate(url);

  await assertMigrated(pool);
  const { rows } = await pool.query(
    'SELECT count(*)::int - count(DISTINCT name)::int AS twice FROM keyturn.migrations',
  );
  expect(rows).toEqual([{ twice: 0 }]);
});

test('everything Keyturn makes is in its own schema', async () => {
  const { url, pool } = await freshPool();
  await migrate(url);

  const { rows } = await pool.query(
    `SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'keyturn')
     UNION ALL SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'keyturn')`,
  );
  expect(rows).toEqual([]);
});

test('a role that does not exist is told, and a second try with one that does succeeds', async () => {
  const { url } = await freshPool();

  await expect(migrate(url, { appRole: 'keyturn "nobody' })).rejects.toMatchObject({
    code: 'USAGE',
    facts: { finding: '--app-role names keyturn "nobody, and there is no such role' },
  });
  await migrate(url, { appRole: 'pg_monitor' });
});

test('a server that does not answer is told', async () => {
  await expect(migrate('postgres://nobody@127.0.0.1:1/none')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
});
