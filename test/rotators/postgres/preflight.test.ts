import type { Credential, Finding } from 'keyturn/rotator';
import { Secret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Borrowed } from './borrowed.js';
import { borrowTarget, settings } from './borrowed.js';

/** What preflight says, and that running each cure as a superuser makes it say nothing more. */
async function cureAll(
  { connection, ctx, sql, name }: Borrowed,
  current: Credential | null,
): Promise<readonly Finding[]> {
  const findings = await connection.preflight(current, ctx('r1'));
  for (const { cure } of findings) {
    const [, database] = /run it in database "(.*)"$/.exec(cure) ?? [];
    expect([undefined, name, 'postgres']).toContain(database);
    await sql(cure.replace(/CREATE DATABASE.*/, ''), [], database === 'postgres' ? database : undefined);
  }
  return findings;
}

const sentences = (findings: readonly Finding[]): readonly string[] => findings.map(({ sentence }) => sentence);
const any = (identity: string): Credential => ({ identity, value: Secret.fromText('any') });

describe.each(settings)('on PostgreSQL $major as a $admin admin', (setting) => {
  test('a missing owner is found, and its cure is complete', async () => {
    const target = await borrowTarget(setting, { makeOwner: false });
    const proposal = await target.connection.propose(null, target.ctx('r1'));
    await expect(target.connection.create(proposal, target.ctx('r1'))).rejects.toMatchObject({
      code: 'PREFLIGHT_FAILED',
    });

    expect(sentences(await cureAll(target, null))).toContain(`there is no owner role ${target.owner}`);

    await cureAll(target, null);
    expect(await target.connection.preflight(null, target.ctx('r1'))).toEqual([]);
    await target.connection.create(proposal, target.ctx('r1'));
  });

  test('objects that a login owns are found in their database, and its cure moves them', async () => {
    const target = await borrowTarget(setting);
    const { sql, logins, name, connection, ctx } = target;
    await sql(`CREATE ROLE ${logins[0]} LOGIN PASSWORD 'adopted-from-outside' IN ROLE ${target.owner}`);
    await sql(`CREATE SCHEMA AUTHORIZATION ${logins[0]}`);

    expect(sentences(await cureAll(target, any(logins[0])))).toContain(
      `role ${logins[0]} owns 1 object(s) in database ${name}, which its twin cannot use`,
    );

    expect(await connection.preflight(any(logins[0]), ctx('r1'))).toEqual([]);
  });

  test('a login that is in the way is found, and its cure hands it over', async () => {
    const target = await borrowTarget(setting);
    const { sql, logins, connection, ctx } = target;
    await sql(`CREATE ROLE ${logins[0]} LOGIN PASSWORD 'somebody-elses' VALID UNTIL '2001-01-01'`);
    const proposal = await connection.propose(null, ctx('r1'));
    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({ code: 'PRINCIPAL_IN_USE' });

    const found = sentences(await cureAll(target, null));

    expect(found).toContain(`role ${logins[0]} is in the way: it can log in, or it does not carry our dead tag`);
    expect(found).toContain(`the password of role ${logins[0]} would be expired from the start (VALID UNTIL)`);
    expect(await connection.preflight(null, ctx('r1'))).toEqual([]);
    await connection.create(proposal, ctx('r1'));
    const made = { identity: logins[0], value: proposal.value! };
    expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('an undo after that refusal leaves the role of somebody else as it is', async () => {
    const { sql, logins, connection, ctx, logIn } = await borrowTarget(setting);
    await sql(`CREATE ROLE ${logins[0]} LOGIN PASSWORD 'somebody-elses'`);
    const proposal = await connection.propose(null, ctx('r1'));
    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({ code: 'PRINCIPAL_IN_USE' });

    await expect(connection.disable(logins[0], ctx('r1'))).rejects.toMatchObject({ code: 'NOT_OURS' });
    await expect(connection.destroy(logins[0], { createdBy: 'r1' }, ctx('r1'))).rejects.toMatchObject({
      code: 'NOT_OURS',
    });

    await logIn(logins[0], 'somebody-elses');
  });

  test('a secret that wants the owner of another secret is refused', async () => {
    const { connection, ctx } = await borrowTarget(setting);
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));
    const other = ctx('r2', { secret: 'test:/another' });
    const credential = await connection.propose(null, other);

    await expect(connection.create(credential, other)).rejects.toMatchObject({ code: 'PRINCIPAL_IN_USE' });

    expect(sentences(await connection.preflight(null, other)).join()).toContain('belongs to the secret');
  });

  test('the account of the admin as the current credential is found', async () => {
    const { connection, ctx, config } = await borrowTarget(setting);
    const { username } = config.admin;

    expect(await connection.preflight(any(username), ctx('r1'))).toEqual([
      {
        sentence: `the current credential is the account of the admin itself (${username}), which the rotation would switch off`,
        cure: 'Give Keyturn an account of its own in `admin`.',
      },
    ]);
  });

  test('no cure for one secret kills the login of another', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx, sql, logins, logIn } = target;
    const alive = await connection.propose(null, ctx('r1'));
    await connection.create(alive, ctx('r1'));
    await sql(`ALTER ROLE ${logins[0]} VALID UNTIL '2001-01-01'`);
    const other = ctx('r2', { secret: 'test:/another' });

    const { endpoints, database, admin } = target.config;
    const inPlace = postgres.connect(
      postgres.config.parse({ mode: 'in-place', login: logins[0], endpoints, database, admin }),
    );
    onTestFinished(async () => inPlace.close());
    for (const rotator of [connection, inPlace]) {
      const findings = await rotator.preflight(null, other);
      const refusal: unknown = await rotator.create({ ...alive, identity: logins[0] }, other).catch((e: unknown) => e);

      expect(sentences(findings)).toContain(`role ${logins[0]} belongs to the secret ${target.secret}`);
      expect(findings.map(({ cure }) => cure).join()).not.toMatch(/ALTER ROLE|dead/);
      expect(refusal).toMatchObject({ code: 'PRINCIPAL_IN_USE', facts: { cure: expect.stringMatching(/^give /) } });
    }
    await sql(`ALTER ROLE ${logins[0]} VALID UNTIL 'infinity'`);
    await logIn(logins[0], alive.value!);
  });

  test('a login of another secret is refused without handing it over', async () => {
    const { connection, ctx, sql, name, logins, config, open } = await borrowTarget(setting);
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));
    await sql(`CREATE ROLE ${name}_owner2`);
    if (setting.admin === 'CREATEROLE' && setting.major >= 16) {
      await sql(`GRANT ${name}_owner2 TO ${config.admin.username} WITH ADMIN TRUE`);
    }
    const rotator = open({ owner: `${name}_owner2` });
    const other = ctx('r2', { secret: 'test:/another' });

    await expect(rotator.create(await rotator.propose(null, other), other)).rejects.toMatchObject({
      code: 'PRINCIPAL_IN_USE',
      facts: { principal: logins[0], cure: 'give each secret logins of its own in `logins`' },
    });
  });

  test('a renamed secret takes its owner over with logins of its own, and the old ones stay alive', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx, sql, name, owner, logins, logIn, open } = target;
    const old = await connection.propose(null, ctx('r1'));
    await connection.create(old, ctx('r1'));
    await sql(`COMMENT ON ROLE ${owner} IS NULL`);
    const renamed = ctx('r2', { secret: 'test:/renamed', epoch: 2 });
    const rotator = open({ logins: [`${name}_c`, `${name}_d`] });

    expect(await rotator.preflight(null, renamed)).toEqual([]);
    const made = await rotator.propose(null, renamed);
    await rotator.create(made, renamed);

    await logIn(`${name}_c`, made.value!);
    await logIn(logins[0], old.value!);
  });

  test('a current login outside the owner, or a database that lets nobody in, is found and cured', async () => {
    const target = await borrowTarget(setting);
    const { sql, logins, name, owner, connection, ctx } = target;
    await sql(`CREATE ROLE ${logins[0]} LOGIN PASSWORD 'adopted-from-outside'`);
    await sql(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);

    const found = sentences(await cureAll(target, any(logins[0])));

    expect(found).toContain(`role ${owner} may not connect to database ${name}`);
    expect(found).toContain(
      `role ${logins[0]} is not a member of the owner ${owner}, so its twin cannot use what it makes`,
    );
    expect(await connection.preflight(any(logins[0]), ctx('r1'))).toEqual([]);
  });
});

describe.each([
  { major: 18, admin: 'CREATEROLE' },
  { major: 15, admin: 'CREATEROLE' },
] as const)('on PostgreSQL $major an admin that lacks', (setting) => {
  test.each([
    ['CREATEROLE', (admin: string) => `ALTER ROLE ${admin} NOCREATEROLE`, 'may not create or change roles'],
    [
      'sight of sessions',
      (admin: string) => `REVOKE pg_read_all_stats FROM ${admin}`,
      'cannot see when sessions began',
    ],
    ['the right to end sessions', (admin: string) => `REVOKE pg_signal_backend FROM ${admin}`, 'cannot end sessions'],
  ])('%s is found, and the cure is complete', async (_what, take, sentence) => {
    const target = await borrowTarget(setting);
    await target.sql(take(target.config.admin.username));

    const found = await cureAll(target, null);

    expect(sentences(found).some((each) => each.includes(sentence))).toBe(true);
    expect(await target.connection.preflight(null, target.ctx('r1'))).toEqual([]);
  });

  test('sight of sessions calls usage unknown, not zero', async () => {
    const { sql, config, connection, ctx, logIn, logins } = await borrowTarget(setting);
    const made = await connection.propose(null, ctx('r1'));
    await connection.create(made, ctx('r1'));
    await sql(`REVOKE pg_read_all_stats FROM ${config.admin.username}`);
    await logIn(logins[0], made.value!);

    const usage = await connection.usage(logins[0], ctx('r1'));

    expect(usage).toMatchObject({ kind: 'unknown' });
    expect(usage.kind === 'unknown' && usage.reason).toContain('GRANT pg_read_all_stats');
  });

  test('the right to end sessions is told when one must be ended, with the cure', async () => {
    const { sql, config, connection, ctx, logIn, logins } = await borrowTarget(setting);
    const made = await connection.propose(null, ctx('r1'));
    await connection.create(made, ctx('r1'));
    await sql(`REVOKE pg_signal_backend FROM ${config.admin.username}`);
    const session = await logIn(logins[0], made.value!);

    await expect(connection.disable(logins[0], ctx('r1'))).rejects.toMatchObject({
      code: 'PRIVILEGE_MISSING',
      facts: { cure: `GRANT pg_signal_backend TO ${pg.escapeIdentifier(config.admin.username)};` },
    });

    await session.query('SELECT 1');
  });
});

test('from PostgreSQL 16 on CREATEROLE without ADMIN OPTION on the owner is found, told and cured', async () => {
  const target = await borrowTarget({ major: 18, admin: 'CREATEROLE' });
  const { sql, config, owner, connection, ctx } = target;
  await sql(`REVOKE ${owner} FROM ${config.admin.username}`);
  const proposal = await connection.propose(null, ctx('r1'));
  await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({ code: 'PRIVILEGE_MISSING' });

  expect(sentences(await cureAll(target, null))).toEqual([`admin ${config.admin.username} may not change ${owner}`]);

  await connection.create(proposal, ctx('r1'));
});

test('a wrong admin password is told as such', async () => {
  const { configure, open, ctx } = await borrowTarget({ major: 18, admin: 'CREATEROLE' });
  const { username } = configure().admin;
  const wrong = open({ admin: { username, password: Secret.fromText('wrong-wrong-wrong') } });

  await expect(wrong.raise(ctx('r1'))).rejects.toMatchObject({ code: 'ADMIN_REFUSED', class: 'park' });
  await expect(wrong.preflight(null, ctx('r1'))).rejects.toMatchObject({ code: 'ADMIN_REFUSED' });
});
