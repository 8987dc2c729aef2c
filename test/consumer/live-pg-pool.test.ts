import { randomBytes } from 'node:crypto';
import { type LivePgPool, type PoolEvent, livePgPool } from 'keyturn/consumer';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { openPool } from '../support/pool.js';
import { freshDatabase } from '../support/postgres.js';
import { type Login, followed, freshLogin } from './two-logins.js';

/** A database with two roles that may log in, and the pool of an application that uses the first. */
async function application() {
  const { url, name: database } = await freshDatabase();
  const superuser = openPool(url, 2);
  const suffix = randomBytes(5).toString('hex');
  const [a, b] = [freshLogin(`app_${suffix}_a`), freshLogin(`app_${suffix}_b`)];
  for (const { username, password } of [a, b]) {
    await superuser.query(`CREATE ROLE ${username} LOGIN PASSWORD '${password}'`);
  }
  const { hostname: host, port } = new URL(url);
  const store = followed(a);
  const events: PoolEvent[] = [];
  const pool: LivePgPool<pg.PoolClient> = livePgPool<pg.PoolClient>({
    credential: store.credential,
    open: (held) => {
      const [user, password] = [held.get('username'), held.get('password')];
      const opened = new pg.Pool({ host, port: Number(port), database, user, password, max: 4 });
      opened.on('error', () => undefined);
      return opened;
    },
    onEvent: (event) => events.push(event),
  });
  onTestFinished(async () => {
    await pool.end();
    for (const { username } of [a, b]) await superuser.query(`DROP ROLE IF EXISTS ${username}`);
    await superuser.end();
  });
  const sessionsOf = async ({ username }: Login): Promise<number> =>
    (await superuser.query('SELECT FROM pg_stat_activity WHERE usename = $1', [username])).rowCount ?? 0;
  const turnOff = async ({ username }: Login) => superuser.query(`ALTER ROLE ${username} NOLOGIN`);
  return { a, b, pool, events, sessionsOf, turnOff, superuser, ...store };
}

const who = async (pool: LivePgPool<pg.PoolClient>): Promise<string | undefined> =>
  (await pool.query<{ current_user: string }>('SELECT current_user')).rows[0]?.current_user;

test('queries go on while the credential changes, and then nobody is left who uses the old one', async () => {
  const { a, b, pool, events, sessionsOf, turnOff, promote, credential } = await application();
  let isOver = false;
  const seen = new Set<string | undefined>();
  const worker = async (): Promise<number> => {
    let queries = 0;
    for (; !isOver; queries += 1) seen.add(await who(pool));
    return queries;
  };
  const workers = Array.from({ length: 6 }, worker);
  await eventually('all are at work', async () => (await sessionsOf(a)) === 4);

  promote(b);
  await credential.refresh();
  await eventually('the old one is quiet', async () => (await sessionsOf(a)) === 0);
  await turnOff(a);
  await eventually('they work with the new one', () => seen.has(b.username));
  isOver = true;

  // A query that failed would have rejected.
  expect((await Promise.all(workers)).every((queries) => queries > 0)).toBe(true);
  expect([...seen]).toEqual([a.username, b.username]);
  expect(events).toEqual([
    { kind: 'opened', version: 1 },
    { kind: 'opened', version: 2 },
    { kind: 'closed', version: 1 },
  ]);
});

test('who is in the middle of a transaction finishes it with the old one', async () => {
  const { a, b, pool, sessionsOf, promote, credential } = await application();
  const client = await pool.connect();
  await client.query('BEGIN');
  promote(b);
  await credential.refresh();

  expect(await who(pool)).toBe(b.username);
  expect((await client.query<{ current_user: string }>('SELECT current_user')).rows).toEqual([
    { current_user: a.username },
  ]);
  await client.query('COMMIT');
  client.release();

  await eventually('its session is closed', async () => (await sessionsOf(a)) === 0);
});

test.each([
  [
    'a password that was changed',
    (login: Login) => `ALTER ROLE ${login.username} PASSWORD 'something-else-altogether'`,
  ],
  ['a role that may log in no more', (login: Login) => `ALTER ROLE ${login.username} NOLOGIN`],
])('%s is refused once: the store has another version, and the login succeeds', async (_, change) => {
  const { a, b, pool, events, superuser, promote, credential } = await application();
  await credential.current();
  promote(b);
  await superuser.query(change(a));

  expect(await who(pool)).toBe(b.username);

  expect(events.filter(({ kind }) => kind === 'retried')).toEqual([{ kind: 'retried', version: 1 }]);
});

test('a login that is refused though the store has no other is the error of whoever asked', async () => {
  const { a, pool, events, turnOff } = await application();
  await turnOff(a);

  await expect(who(pool)).rejects.toMatchObject({ code: '28000' });
  await expect(who(pool)).rejects.toMatchObject({ code: '28000' });
  expect(events).toEqual([{ kind: 'opened', version: 1 }]);
});

test('an error of a query is not taken for a refused login', async () => {
  const { b, pool, promote } = await application();
  promote(b);

  await expect(pool.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
});

test('a connection that breaks in the middle of a query is the error of that query, and of nothing else', async () => {
  const { a, pool, sessionsOf } = await application();

  await expect(pool.query('SELECT pg_terminate_backend(pg_backend_pid())')).rejects.toThrow();
  expect(await who(pool)).toBe(a.username);
  expect(await sessionsOf(a)).toBe(1);
});

test('metrics that throw keep nobody from a connection, and the pool from no end', async () => {
  const { a, b, pool, events, sessionsOf, promote, credential } = await application();
  events.push = () => {
    throw new Error('the metrics are away');
  };
  expect(await who(pool)).toBe(a.username);
  promote(b);
  await credential.refresh();

  expect(await who(pool)).toBe(b.username);
  await pool.end();
  await eventually('nobody is connected', async () => (await sessionsOf(a)) + (await sessionsOf(b)) === 0);
});

test('it ends when everything was given back, and lends nothing from then on', async () => {
  const { a, pool, sessionsOf } = await application();
  const client = await pool.connect();
  let hasEnded = false;
  const ending = pool.end().then(() => (hasEnded = true));
  await expect(pool.connect()).rejects.toThrow('the pool has ended');

  expect((await client.query('SELECT 1')).rowCount).toBe(1);
  expect(hasEnded).toBe(false);
  client.release();
  await ending;

  await eventually('nobody is connected', async () => (await sessionsOf(a)) === 0);
});
