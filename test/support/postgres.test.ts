import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { freshDatabase, sharedPostgres, withPostgres } from './postgres.js';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('a fresh database', () => {
  test('is empty, and nobody else has it', async () => {
    const [one, other] = [await freshDatabase(), await freshDatabase()];

    await query(one.url, 'CREATE TABLE here (n int)');

    expect(await query(one.url, 'SELECT current_database() AS name')).toEqual([{ name: one.name }]);
    expect(await query(other.url, "SELECT to_regclass('here') AS found")).toEqual([{ found: null }]);
  });

  test('is gone once dropped, sessions or not, and may be dropped again', async () => {
    const server = await sharedPostgres();
    const { name, url, drop } = await freshDatabase();
    const session = new pg.Client(url);
    session.on('error', () => {});
    await session.connect();

    await drop();
    await drop();

    expect(await query(server.url(), `SELECT 1 FROM pg_database WHERE datname = '${name}'`)).toEqual([]);
  });

  test('can be of another major version', async () => {
    const { url } = await freshDatabase({ major: 15 });

    expect(await query(url, "SELECT current_setting('server_version_num')::int / 10000 AS major")).toEqual([
      { major: 15 },
    ]);
  });
});

test('a server of its own has the settings it was asked for', async () => {
  const rows = await withPostgres({ settings: { max_connections: '7' } }, async (server) => {
    return query(server.url(), 'SHOW max_connections');
  });

  expect(rows).toEqual([{ max_connections: '7' }]);
});
