import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { Secret, openSecret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { scramVerifier } from '../../../rotators/postgres/scram.js';
import { eventually } from '../../support/eventually.js';
import { withPostgres } from '../../support/postgres.js';
import { borrowTarget, contextOf, settings } from './borrowed.js';

/** The value in every form in which it might turn up. */
function formsOf(value: Secret): readonly string[] {
  const bytes = Buffer.from(openSecret(value));
  return [bytes.toString(), bytes.toString('base64'), bytes.toString('hex'), encodeURIComponent(bytes.toString())];
}

const found = (text: string, values: readonly Secret[]): number =>
  values.flatMap(formsOf).filter((form) => text.includes(form)).length;

describe.each(settings)('on PostgreSQL $major as a $admin admin', (setting) => {
  test('neither the server log nor the activity view ever holds a value', async () => {
    const { connection, ctx, sql, logIn, logFile, name, config } = await borrowTarget(setting);
    const values: Secret[] = [config.admin.password];
    let current: { identity: string; value: Secret } | null = null;
    for (const rotationId of ['r1', 'r2', 'r3']) {
      const proposal = await connection.propose(current, ctx(rotationId));
      values.push(proposal.value!);
      await connection.create(proposal, ctx(rotationId));
      if (current !== null) {
        await connection.disable(current.identity, ctx(rotationId));
        await connection.destroy(current.identity, { createdBy: `r${Number(rotationId[1]) - 1}` }, ctx(rotationId));
      }
      current = { identity: proposal.identity, value: proposal.value! };
      await connection.verify(current, ctx(rotationId));
    }
    // One that is refused, too.
    const doomed = await connection.propose(current, ctx('r4'));
    values.push(doomed.value!);
    await sql(`COMMENT ON ROLE ${doomed.identity} IS NULL`);
    const errors = [await connection.create(doomed, ctx('r4')).catch((error: unknown) => error)];

    const activity = await sql('SELECT query FROM pg_stat_activity');
    expect(found(inspect(activity), values)).toBe(0);
    expect(found(inspect(errors, { depth: Infinity, showHidden: true }), values)).toBe(0);
    if (logFile === undefined) return;
    // The scan works: it finds what is planted, and what was planted last was written after all the rest.
    const planted = Secret.fromText(`planted-${name}`);
    await (await logIn(current!.identity, current!.value)).query(`SELECT 'planted-${name}'`);
    const log = await eventually('the log holds what was planted', async () => {
      const text = await readFile(logFile, 'utf8');
      return found(text, [planted]) > 0 ? text : undefined;
    });
    expect(found(log, values)).toBe(0);
  });

  test('a change that the server itself refuses shows neither value nor statement', async () => {
    const { connection, ctx, sql, owner, logFile, secret } = await borrowTarget(setting);
    const first = await connection.propose(null, ctx('r1'));
    // A membership that would be a circle: CREATE ROLE has been sent by then, with the verifier in the same message.
    await sql(`CREATE ROLE ${first.identity} NOLOGIN`);
    await sql(
      `COMMENT ON ROLE ${first.identity} IS ${pg.escapeLiteral(JSON.stringify({ keyturn: { secret, dead: true } }))}`,
    );
    await sql(`GRANT ${first.identity} TO ${owner}`);
    const error: unknown = await connection.create(first, ctx('r1')).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: expect.stringMatching(/^(STEP_FAILED|PRIVILEGE_MISSING)$/) as string });
    const shown = inspect(error, { depth: Infinity, showHidden: true });
    expect(found(shown, [first.value!])).toBe(0);
    expect(shown).not.toMatch(/ALTER ROLE .* PASSWORD|SCRAM-SHA-256\$/);
    if (logFile !== undefined) expect(found(await readFile(logFile, 'utf8'), [first.value!])).toBe(0);
    const probed = await connection.probe({ identity: first.identity, value: first.value! }, ctx('r1'));
    expect(probed).toMatchObject([{ answer: 'refused' }]);
  });
});

test('an open connection shows no password, whatever is printed of it', async () => {
  const { connection, ctx, config } = await borrowTarget({ major: 18, admin: 'CREATEROLE' });
  const proposal = await connection.propose(null, ctx('r1'));
  await connection.create(proposal, ctx('r1'));

  const options = { depth: Infinity, showHidden: true, getters: true };
  expect(found(inspect([connection, config, proposal], options), [proposal.value!, config.admin.password])).toBe(0);
  expect(() => JSON.stringify(config)).toThrow('SECRET_STRINGIFIED');
});

test('as a superuser the verifier is not in the log either', async () => {
  const { connection, ctx, logFile, logins } = await borrowTarget({ major: 18, admin: 'superuser' });
  await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));

  if (logFile !== undefined) expect(await readFile(logFile, 'utf8')).not.toContain(`CREATE ROLE "${logins[0]}"`);
});

// Each was locked out by a verifier computed without SASLprep.
test.each([
  '\u00AAfeminine ordinal',
  'e\u0301 combining',
  'soft\u00ADhyphen',
  'no\u00A0break',
  'plain ascii',
  'ünïcödé',
])('an adopted value that is not ASCII still logs in with our verifier: %j', async (value) => {
  const { sql, logIn, name } = await borrowTarget({ major: 18, admin: 'superuser' });
  const verifier = await scramVerifier(Secret.fromText(value), 4096);
  await sql(`CREATE ROLE ${name}_v LOGIN PASSWORD ${pg.escapeLiteral(verifier)}`);

  const client = await logIn(`${name}_v`, value);

  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

test.each([15, 18] as const)('statistics of statements on PostgreSQL %i hold no value', async (major) => {
  await withPostgres({ major, settings: { shared_preload_libraries: 'pg_stat_statements' } }, async (server) => {
    const { port, username, password } = new URL(server.url());
    const client = new pg.Client(server.url());
    await client.connect();
    await client.query('CREATE EXTENSION pg_stat_statements');
    await client.query('CREATE ROLE stats_owner');
    const connection = postgres.connect(
      postgres.config.parse({
        endpoints: [{ host: '127.0.0.1', port: Number(port) }],
        database: 'postgres',
        admin: { username, password: Secret.fromText(password) },
        owner: 'stats_owner',
        logins: ['stats_a', 'stats_b'],
      }),
    );
    const ctx = contextOf('test:/statistics', 'r1');
    const proposal = await connection.propose(null, ctx);
    await connection.create(proposal, ctx);
    await connection.close();

    const { rows } = await client.query('SELECT query FROM pg_stat_statements');
    await client.end();
    const text = inspect(rows, { maxArrayLength: null, maxStringLength: null });
    expect(text).toMatch(/CREATE ROLE/);
    expect(found(text, [proposal.value!])).toBe(0);
  });
});
