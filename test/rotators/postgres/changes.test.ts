import { describe, expect, test } from 'vitest';
import { borrowTarget, settings } from './borrowed.js';

/** A target where r1 has made the first login and r2 the second. */
async function borrowWithTwo() {
  const target = await borrowTarget({ major: 18, admin: 'CREATEROLE' });
  const { connection, ctx, logins, sql } = target;
  const [old] = logins;
  await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));
  const current = { identity: old, value: (await connection.propose(null, ctx('r1'))).value! };
  await connection.create(await connection.propose(current, ctx('r2')), ctx('r2'));
  const standing = async () =>
    sql(
      `SELECT rolcanlogin AS can_login, rolpassword IS NULL AS no_password, shobj_description(oid, 'pg_authid') AS comment
         FROM pg_authid WHERE rolname = $1`,
      [old],
    );
  return { ...target, old, standing };
}

/** The same, once r2 has destroyed the first login. */
async function borrowWithTombstone() {
  const target = await borrowWithTwo();
  await target.connection.destroy(target.old, { createdBy: 'r1' }, target.ctx('r2'));
  return target;
}

test('enabling a login that was destroyed does not let it log in again', async () => {
  const { connection, ctx, old, standing } = await borrowWithTombstone();
  const before = await standing();
  expect(before).toMatchObject([{ can_login: false, no_password: true }]);

  await connection.enable(old, ctx('r2'));

  expect(await standing()).toEqual(before);
});

test('destroying what was never made anew leaves the tombstone of the one before as it is', async () => {
  const { connection, ctx, old, standing } = await borrowWithTombstone();
  const before = await standing();

  await connection.destroy(old, { createdBy: 'r3' }, ctx('r3'));

  expect(await standing()).toEqual(before);
});

test('a tombstone that a person has switched on again is not taken for one', async () => {
  const { connection, ctx, old, standing, sql } = await borrowWithTombstone();
  await sql(`ALTER ROLE ${old} LOGIN`);
  const before = await standing();

  await expect(connection.destroy(old, { createdBy: 'r3' }, ctx('r3'))).rejects.toMatchObject({ code: 'NOT_OURS' });

  expect(await standing()).toEqual(before);
});

test('a login of another rotation that is switched off is no tombstone, and is not destroyed', async () => {
  const { connection, ctx, old, standing } = await borrowWithTwo();
  await connection.disable(old, ctx('r2'));
  const before = await standing();

  await expect(connection.destroy(old, { createdBy: 'r3' }, ctx('r3'))).rejects.toMatchObject({ code: 'NOT_OURS' });

  expect(await standing()).toEqual(before);
});

// Only those: the account of a superuser belongs to all tests.
describe.each(settings.filter(({ admin }) => admin === 'CREATEROLE'))('on PostgreSQL $major', (setting) => {
  test('the account of the admin is neither switched off nor destroyed', async () => {
    const { connection, ctx, sql, config } = await borrowTarget(setting);
    const { username } = config.admin;
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));
    const notOurs = { code: 'NOT_OURS', facts: { identity: username } };

    await expect(connection.disable(username, ctx('r1'))).rejects.toMatchObject(notOurs);
    await expect(connection.destroy(username, { createdBy: null }, ctx('r1'))).rejects.toMatchObject(notOurs);

    const standing = 'SELECT rolcanlogin, rolpassword IS NULL AS no_password FROM pg_authid WHERE rolname = $1';
    expect(await sql(standing, [username])).toEqual([{ rolcanlogin: true, no_password: false }]);
  });
});
