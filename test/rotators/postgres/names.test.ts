import fc from 'fast-check';
import { Secret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import { describe, expect, test } from 'vitest';
import { borrowTarget } from './borrowed.js';

const config = (change: object): unknown => ({
  endpoints: [{ host: '127.0.0.1' }],
  database: 'app',
  admin: { username: 'admin', password: Secret.fromText('any') },
  owner: 'o',
  logins: ['a', 'b'],
  ...change,
});

/** What stands before and after the test's own name, up to 63 bytes in all. */
const odd: readonly (readonly [string, (name: string) => string])[] = [
  ['quotes', (name) => `"${name}"`],
  ['an end of statement', (name) => `${name}"; DROP ROLE x; --`],
  ['single quotes', (name) => `${name}'||'`],
  ['backslashes', (name) => `\\${name}\\'\\`],
  ['spaces and tabs', (name) => ` ${name} \t`],
  ['line ends', (name) => `${name}\n\r`],
  ['capitals', (name) => `${name}Ünïcode`],
  ['signs beyond the basic plane', (name) => `${name}🔑`],
  ['a dollar quote', (name) => `$$${name}$1`],
  ['a word of SQL', (name) => `${name} select`],
];

describe('roles whose names hold', () => {
  test.each(odd)('%s live a whole life', async (_what, decorate) => {
    const target = await borrowTarget({ major: 18, admin: 'CREATEROLE' }, { decorate });
    const { connection, ctx, logins } = target;
    const first = await connection.propose(null, ctx('r1'));
    await connection.create(first, ctx('r1'));
    const old = { identity: first.identity, value: first.value! };
    const second = await connection.propose(old, ctx('r2'));
    await connection.create(second, ctx('r2'));
    expect(await connection.verify(old, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);

    await connection.disable(old.identity, ctx('r2'));
    await connection.destroy(old.identity, { createdBy: 'r1' }, ctx('r2'));

    expect(await connection.list(ctx('r2'))).toEqual(
      [
        { identity: logins[0], rotationId: 'r1', live: false },
        { identity: logins[1], rotationId: 'r2', live: true },
      ].sort((a, b) => (a.identity < b.identity ? -1 : 1)),
    );
    expect(await connection.preflight({ identity: logins[1], value: second.value! }, ctx('r3'))).toEqual([]);
  });
});

test('whatever name the schema lets through, the server keeps exactly so', async () => {
  const { sql } = await borrowTarget({ major: 18, admin: 'superuser' });
  const { escapeIdentifier } = (await import('pg')).default;
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 24 });
  const names = fc.sample(name, { numRuns: 300, seed: 7 });
  const accepted = names.filter((login) => postgres.config.safeParse(config({ logins: [login, 'b'] })).success);
  expect(accepted.length).toBeGreaterThan(100);

  const columns = [...new Set(accepted)].map((login) => `NULL AS ${escapeIdentifier(login)}`);
  const [row] = await sql(`SELECT ${columns.join(', ')}`);

  expect(Object.keys(row ?? {}).sort()).toEqual([...new Set(accepted)].sort());
});

test.each([
  ['one of 64 bytes', 'x'.repeat(64)],
  ['one of 62 letters and an umlaut', `${'x'.repeat(62)}ü`],
  ['one with a zero byte', 'a\0b'],
  ['an empty one', ''],
  ['half a surrogate pair', 'a\uD800'],
  ["one of PostgreSQL's own", 'pg_monitor'],
  ['public', 'public'],
])('a role name is refused: %s', (_what, login) => {
  const parsed = postgres.config.safeParse(config({ logins: [login, 'b'] }));

  expect(parsed.error?.issues[0]?.path).toEqual(['logins', 0]);
});

test.each([
  ['the two logins are one', { logins: ['a', 'a'] }],
  ['the owner is a login', { owner: 'a' }],
  ['the admin is to be rotated', { admin: { username: 'b', password: Secret.fromText('any') } }],
  ['a key is unknown', { colour: 'red' }],
  ['an unknown key stands deeper', { endpoints: [{ host: '127.0.0.1', sslmode: 'disable' }] }],
  ['there is no endpoint', { endpoints: [] }],
  ['the password is text', { admin: { username: 'admin', password: 'planted-in-clear' } }],
  ['the generated password would be short', { passwordLength: 23 }],
  ['in place there is no login', { mode: 'in-place' }],
])('a configuration is refused where %s', (_what, change) => {
  const parsed = postgres.config.safeParse(config(change));

  expect(parsed.success).toBe(false);
  expect(JSON.stringify(parsed.error?.issues)).not.toContain('planted-in-clear');
});
