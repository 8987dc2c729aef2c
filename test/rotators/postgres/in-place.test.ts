import { Secret } from 'keyturn/rotator';
import { describe, expect, test } from 'vitest';
import { borrowTarget, settings } from './borrowed.js';

describe.each(settings)('on PostgreSQL $major as a $admin admin', (setting) => {
  test('the new value replaces the old one, and undoing it puts the old one back', async () => {
    const { connection, ctx, logins } = await borrowTarget(setting, { mode: 'in-place' });
    const first = await connection.propose(null, ctx('r1'));
    await connection.create(first, ctx('r1'));
    const old = { identity: first.identity, value: first.value! };
    const second = await connection.propose(old, ctx('r2'));
    const fresh = { identity: second.identity, value: second.value! };
    expect(fresh.identity).toBe(logins[0]);

    await connection.create(second, ctx('r2'));
    expect(await connection.verify(fresh, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);
    expect(await connection.probe(old, ctx('r2'))).toMatchObject([{ answer: 'refused' }]);

    await connection.raise(ctx('r2', { epoch: 9 }));
    await connection.create(old, ctx('r2', { epoch: 9 }));
    expect(await connection.verify(old, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);
    expect(await connection.probe(fresh, ctx('r2'))).toMatchObject([{ answer: 'refused' }]);
  });

  test('destroying the old one leaves the new one alone', async () => {
    const { connection, ctx, logins } = await borrowTarget(setting, { mode: 'in-place' });
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));
    const second = await connection.propose({ identity: logins[0] }, ctx('r2'));
    await connection.create(second, ctx('r2'));

    await connection.destroy(logins[0], { createdBy: 'r1' }, ctx('r2'));
    await connection.destroy(logins[0], { createdBy: null }, ctx('r2'));

    const fresh = { identity: logins[0], value: second.value! };
    expect(await connection.verify(fresh, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('destroying is fenced although nothing is removed', async () => {
    const { connection, ctx, logins } = await borrowTarget(setting, { mode: 'in-place' });
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1', { epoch: 5 }));

    await expect(connection.destroy(logins[0], { createdBy: 'r0' }, ctx('r1', { epoch: 4 }))).rejects.toMatchObject({
      code: 'STALE_EPOCH',
    });
  });

  test('an undone first credential leaves a tombstone that keeps the token', async () => {
    const { connection, ctx, logins } = await borrowTarget(setting, { mode: 'in-place' });
    const first = await connection.propose(null, ctx('r1'));
    await connection.create(first, ctx('r1', { epoch: 5 }));

    await connection.destroy(logins[0], { createdBy: 'r1' }, ctx('r1', { epoch: 6 }));

    const made = { identity: logins[0], value: first.value! };
    expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'refused' }]);
    expect(await connection.list(ctx('r1'))).toEqual([{ identity: logins[0], rotationId: 'r1', live: false }]);
    await expect(connection.create(first, ctx('r1', { epoch: 5 }))).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    await connection.create(first, ctx('r2', { epoch: 7 }));
    expect(await connection.verify(made, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('switching off is refused, because it would switch the new one off as well', async () => {
    const { connection, ctx, logins } = await borrowTarget(setting, { mode: 'in-place' });
    const first = await connection.propose(null, ctx('r1'));
    await connection.create(first, ctx('r1'));

    await expect(connection.disable(logins[0], ctx('r2'))).rejects.toMatchObject({ code: 'UNDO_UNSAFE' });
    await expect(connection.enable(logins[0], ctx('r2'))).rejects.toMatchObject({ code: 'UNDO_UNSAFE' });

    const made = { identity: logins[0], value: first.value! };
    expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('a login adopted from outside gets its first value of ours, and its own back when that is undone', async () => {
    const { connection, ctx, logins, sql, config } = await borrowTarget(setting, { mode: 'in-place' });
    await sql(`CREATE ROLE ${logins[0]} LOGIN PASSWORD 'e\u0301 adopted \u00AA'`);
    if (setting.admin === 'CREATEROLE' && setting.major >= 16) {
      await sql(`GRANT ${logins[0]} TO ${config.admin.username} WITH ADMIN TRUE`);
    }
    const adopted = { identity: logins[0], value: Secret.fromText('e\u0301 adopted \u00AA') };
    expect(await connection.preflight(adopted, ctx('r1'))).toEqual([]);
    await connection.create(await connection.propose(adopted, ctx('r1')), ctx('r1'));
    expect(await connection.probe(adopted, ctx('r1'))).toMatchObject([{ answer: 'refused' }]);

    await connection.create(adopted, ctx('r1', { epoch: 2 }));

    expect(await connection.verify(adopted, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('a login that is in use, and of whose password nothing is known, is found, and either cure lets it be', async () => {
    const { connection, ctx, logins, secret, sql, config } = await borrowTarget(setting, { mode: 'in-place' });
    const [login] = logins;
    const [environment, path] = secret.split(':');
    await sql(`CREATE ROLE ${login} LOGIN PASSWORD 'known-to-its-application'`);
    if (setting.admin === 'CREATEROLE' && setting.major >= 16) {
      await sql(`GRANT ${login} TO ${config.admin.username} WITH ADMIN TRUE`);
    }

    expect(await connection.preflight(null, ctx('r1'))).toEqual([
      {
        sentence: `role ${login} can log in already, and Keyturn has no version of its password`,
        cure: `Put its present password: keyturn store put ${path} --env ${environment} --current < credential.json; or, if nobody uses it: ALTER ROLE "${login}" NOLOGIN;`,
      },
    ]);
    const known = { identity: login, value: Secret.fromText('known-to-its-application') };
    expect(await connection.preflight(known, ctx('r1'))).toEqual([]);

    await sql(`ALTER ROLE ${login} NOLOGIN`);
    expect(await connection.preflight(null, ctx('r1'))).toEqual([]);
    const made = await connection.propose(null, ctx('r1'));
    await connection.create(made, ctx('r1'));
    expect(await connection.verify({ identity: login, value: made.value! }, ctx('r1'))).toMatchObject([
      { answer: 'accepted' },
    ]);
  });

  test('a first login that this rotation made itself is not in its way, and one of another rotation is', async () => {
    const { connection, ctx } = await borrowTarget(setting, { mode: 'in-place' });
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));

    expect(await connection.preflight(null, ctx('r1'))).toEqual([]);
    expect(await connection.preflight(null, ctx('r2'))).toMatchObject([
      { sentence: expect.stringContaining('no version of its password') as string },
    ]);
  });
});
