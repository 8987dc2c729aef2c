import { Secret } from 'keyturn/rotator';
import { describe, expect, test } from 'vitest';
import { borrowTarget, settings } from './borrowed.js';

describe.each(settings)('on PostgreSQL $major as a $admin admin', (setting) => {
  test('a first credential logs in and acts as the owner', async () => {
    const { connection, ctx, logIn, owner, logins } = await borrowTarget(setting);
    const proposal = await connection.propose(null, ctx('r1'));

    expect(await connection.create(proposal, ctx('r1'))).toEqual({ identity: logins[0] });

    const client = await logIn(logins[0], proposal.value!);
    expect((await client.query('SELECT current_user AS is')).rows).toEqual([{ is: owner }]);
    expect(await connection.verify({ identity: logins[0], value: proposal.value! }, ctx('r1'))).toMatchObject([
      { answer: 'accepted' },
    ]);
  });

  test('a whole life: both live side by side, then the old one is off, then it is a tombstone that is made anew', async () => {
    const { connection, ctx, logins, logIn } = await borrowTarget(setting);
    const first = await connection.propose(null, ctx('r1'));
    await connection.create(first, ctx('r1'));
    const old = { identity: first.identity, value: first.value! };
    const next = await connection.propose(old, ctx('r2', { epoch: 2 }));
    const fresh = { identity: next.identity, value: next.value! };

    await connection.create(next, ctx('r2', { epoch: 2 }));
    expect(await connection.probe(old, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);
    expect(await connection.probe(fresh, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);

    const session = await logIn(old.identity, old.value);
    await session.query('SELECT 1');
    expect(await connection.disable(old.identity, ctx('r2', { epoch: 2 }))).toEqual({ endedSessions: 1 });
    await expect(session.query('SELECT 1')).rejects.toThrow();
    expect(await connection.probe(old, ctx('r2'))).toMatchObject([
      { answer: 'refused', reason: 'the role may not log in (28000)' },
    ]);
    expect(await connection.disable(old.identity, ctx('r2', { epoch: 2 }))).toEqual({ endedSessions: 0 });
    await connection.enable(old.identity, ctx('r2', { epoch: 2 }));
    expect(await connection.probe(old, ctx('r2'))).toMatchObject([{ answer: 'accepted' }]);

    await connection.destroy(old.identity, { createdBy: 'r1' }, ctx('r2', { epoch: 2 }));
    await connection.destroy(old.identity, { createdBy: 'r1' }, ctx('r2', { epoch: 2 }));
    expect(await connection.probe(old, ctx('r2'))).toMatchObject([
      { answer: 'refused', reason: 'the password was refused (28P01)' },
    ]);
    expect(await connection.list(ctx('r2'))).toEqual([
      { identity: logins[0], rotationId: 'r1', live: false },
      { identity: logins[1], rotationId: 'r2', live: true },
    ]);

    const third = await connection.propose(fresh, ctx('r3', { epoch: 3 }));
    expect(third.identity).toBe(logins[0]);
    await connection.create(third, ctx('r3', { epoch: 3 }));
    expect(await connection.verify({ identity: third.identity, value: third.value! }, ctx('r3'))).toMatchObject([
      { answer: 'accepted' },
    ]);
  });

  test('preflight finds nothing where all is well', async () => {
    const { connection, ctx } = await borrowTarget(setting);

    expect(await connection.preflight(null, ctx('r1'))).toEqual([]);
    const first = await connection.propose(null, ctx('r1'));
    await connection.create(first, ctx('r1'));
    const current = { identity: first.identity, value: first.value! };
    const next = ctx('r2', { fence: { era: 1, epoch: 2, known: true } });

    expect(await connection.preflight(current, next)).toEqual([]);
  });

  test('an old credential adopted from outside is destroyed only where nobody has tagged it', async () => {
    const { connection, ctx, logins, sql, config } = await borrowTarget(setting);
    await sql(`CREATE ROLE ${logins[0]} LOGIN PASSWORD 'adopted-from-outside'`);
    if (setting.admin === 'CREATEROLE' && setting.major >= 16) {
      await sql(`GRANT ${logins[0]} TO ${config.admin.username} WITH ADMIN TRUE`);
    }
    const adopted = { identity: logins[0], value: Secret.fromText('adopted-from-outside') };
    await connection.create(await connection.propose(adopted, ctx('r1')), ctx('r1'));

    await connection.destroy(logins[0], { createdBy: null }, ctx('r1'));
    await connection.destroy(logins[0], { createdBy: null }, ctx('r1'));

    expect(await connection.probe(adopted, ctx('r1'))).toMatchObject([{ answer: 'refused' }]);
    await expect(connection.destroy(logins[1], { createdBy: null }, ctx('r1'))).rejects.toMatchObject({
      code: 'NOT_OURS',
    });
  });

  test('identify names the cluster by its own identifier', async () => {
    const { connection, ctx, sql } = await borrowTarget(setting);
    const [row] = await sql('SELECT system_identifier::text AS system FROM pg_control_system()');

    expect(await connection.identify(ctx('r1'))).toEqual(row);
  });
});
