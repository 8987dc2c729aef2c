import type { Credential, Finding } from 'keyturn/rotator';
import { Secret } from 'keyturn/rotator';
import { expect, onTestFinished, test } from 'vitest';
import { type Borrowed, borrowTarget, describeWithMariadb } from './borrowed.js';

const sentences = (findings: readonly Finding[]): readonly string[] => findings.map(({ sentence }) => sentence);
const any = (identity: string): Credential => ({ identity, value: Secret.fromText('any') });

/** What preflight says, and that running each cure as root makes it say nothing more. */
async function cureAll({ connection, ctx, sql }: Borrowed, current: Credential | null): Promise<readonly string[]> {
  const findings = await connection.preflight(current, ctx('r1'));
  for (const { cure } of findings) await sql(cure);
  expect(await connection.preflight(current, ctx('r1'))).toEqual([]);
  return sentences(findings);
}

describeWithMariadb('before a rotation', () => {
  test('nothing is found where all is well, and nothing is changed', async () => {
    const { connection, ctx, sql, name } = await borrowTarget();
    const accounts = async () => sql(`SELECT * FROM mysql.global_priv WHERE user LIKE '${name}%' ORDER BY user`);
    const before = await accounts();

    expect(await connection.preflight(null, ctx('r1'))).toEqual([]);
    expect(await connection.preflight(any(`${name}_app`), ctx('r1'))).toEqual([]);

    expect(await accounts()).toEqual(before);
  });

  test.each(['CREATE USER', 'CONNECTION ADMIN', 'PROCESS'])(
    'an admin that lacks %s is found, and the cure is complete',
    async (privilege) => {
      const target = await borrowTarget();
      const { sql, name, server } = target;
      await sql(`REVOKE ${privilege} ON *.* FROM '${name}_admin'`);

      expect(await cureAll(target, null)).toEqual([
        `admin ${name}_admin lacks ${privilege} at 127.0.0.1:${server.port}`,
      ]);
    },
  );

  test('an admin that may not grant the role is found, and the cure is complete', async () => {
    const target = await borrowTarget();
    const { sql, name, connection, ctx } = target;
    await sql(`REVOKE \`${name}_role\` FROM '${name}_admin'`);
    await expect(connection.create(await connection.propose(null, ctx('r1')), ctx('r1'))).rejects.toMatchObject({
      code: 'PRIVILEGE_MISSING',
    });
    await connection.destroy(`${name}-r1`, { createdBy: 'r1' }, ctx('r1'));

    expect(await cureAll(target, null)).toEqual([`admin ${name}_admin may not grant the role ${name}_role`]);
  });

  test('a role that is not there is found, and the cure makes it', async () => {
    const target = await borrowTarget();
    const { sql, name } = target;
    await sql(`DROP ROLE \`${name}_role\``);

    expect(await cureAll(target, null)).toEqual([`there is no role ${name}_role`]);
  });

  test('without the privilege to see sessions usage is unknown, not zero', async () => {
    const { connection, ctx, sql, name, logIn } = await borrowTarget();
    const { identity, value } = await connection.propose(null, ctx('r1'));
    await connection.create({ identity, value: value! }, ctx('r1'));
    await logIn(identity, value!);
    await sql(`REVOKE PROCESS ON *.* FROM '${name}_admin'`);

    expect(await connection.usage(identity, ctx('r1'))).toMatchObject({ kind: 'unknown' });
  });

  test('an account in the way is found, and its cure drops it', async () => {
    const target = await borrowTarget();
    const { sql, name } = target;
    await sql(`CREATE USER '${name}-r1'`);

    expect(await cureAll(target, null)).toEqual([`account ${name}-r1 is not ours`]);
  });

  test('what would stop with the current account is found', async () => {
    const { connection, ctx, sql, name } = await borrowTarget();
    await sql(`CREATE USER '${name}_app'`);
    await sql(`CREATE DEFINER = '${name}_app' PROCEDURE ${name}.work() SELECT 1`);
    await sql(`CREATE DEFINER = '${name}_app' EVENT ${name}.nightly ON SCHEDULE EVERY 1 DAY DO SELECT 1`);
    const findings = await connection.preflight(any(`${name}_app`), ctx('r1'));

    expect(sentences(findings)).toEqual([
      `procedure ${name}.work runs with the rights of ${name}_app, and stops with it`,
      `event ${name}.nightly runs with the rights of ${name}_app, and stops with it`,
    ]);
    expect(findings[0]?.cure).toBe(`Define it anew with DEFINER = \`${name}_role\`.`);
  });

  test('a current account that could never be switched off, for its name, is found', async () => {
    const { connection, ctx, sql, name } = await borrowTarget();
    const current = `${name} app`;
    await sql(`CREATE USER '${current}'`);
    await expect(connection.disable(current, ctx('r1'))).rejects.toMatchObject({ code: 'NOT_OURS' });

    expect(sentences(await connection.preflight(any(current), ctx('r1')))).toEqual([
      `the current account has the name "${current}", by which Keyturn could not switch it off`,
    ]);
  });

  test('the account of the admin as the current credential is found', async () => {
    const { connection, ctx, name } = await borrowTarget();

    expect(sentences(await connection.preflight(any(`${name}_admin`), ctx('r1')))).toEqual([
      `the current credential is the account ${name}_admin, on which more than one consumer rests`,
    ]);
  });

  test('a wrong admin password is told as such', async () => {
    const { open, ctx, name } = await borrowTarget();
    const connection = open({ admin: { username: `${name}_admin`, password: Secret.fromText('wrong') } });

    await expect(connection.preflight(null, ctx('r1'))).rejects.toMatchObject({ code: 'ADMIN_REFUSED', class: 'park' });
    await expect(connection.list(ctx('r1'))).rejects.toMatchObject({ code: 'ADMIN_REFUSED' });
  });

  test('a server that wants to judge passwords is found, told at work, and cured', async () => {
    const target = await borrowTarget();
    const { sql, connection, ctx, server } = target;
    await sql("INSTALL SONAME 'simple_password_check'");
    onTestFinished(async () => {
      await sql("UNINSTALL SONAME 'simple_password_check'; SET GLOBAL strict_password_validation = ON");
    });
    const finding = `127.0.0.1:${server.port} takes only passwords that it can judge, and Keyturn sends digests`;
    const proposal = await connection.propose(null, ctx('r1'));
    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({
      code: 'PREFLIGHT_FAILED',
      facts: { finding },
    });
    // Nothing was made of it: only the tag is there.
    expect(await connection.list(ctx('r1'))).toEqual([{ identity: proposal.identity, rotationId: 'r1', live: false }]);

    expect(await cureAll(target, null)).toEqual([finding]);

    await connection.create(proposal, ctx('r1'));
  });

  test('tables that are not there are told with the SQL that makes them', async () => {
    const { open, ctx, sql, name, server } = await borrowTarget();
    const connection = open({ schema: `${name}_tags` });
    await sql(`DROP DATABASE ${name}_tags`);
    const finding = `127.0.0.1:${server.port} does not have the tables of Keyturn`;
    const error: unknown = await connection
      .identify(ctx('r1', { step: 'preflight' }))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PREFLIGHT_FAILED', facts: { finding } });
    await expect(connection.identify(ctx('r1', { step: 'drain' }))).rejects.toMatchObject({ code: 'TARGET_CHANGED' });
    await expect(connection.list(ctx('r1'))).rejects.toMatchObject({ code: 'PREFLIGHT_FAILED', facts: { finding } });

    await sql((error as { facts: { cure: string } }).facts.cure);

    const { system } = await connection.identify(ctx('r1', { step: 'preflight' }));
    expect(system).toMatch(/^[0-9a-f-]{36}$/);
    expect(await connection.identify(ctx('r2'))).toEqual({ system });
    expect(await connection.list(ctx('r1'))).toEqual([]);
  });
});
