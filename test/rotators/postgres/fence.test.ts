import { keyturnError } from 'keyturn/rotator';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import type { Borrowed } from './borrowed.js';
import { borrowTarget, settings } from './borrowed.js';

const key = (secret: string): string => `hashtextextended(${pg.escapeLiteral(`keyturn:${secret}`)}, 0)`;

/** Another session, of a superuser, that a test steers statement by statement. */
async function holdLock({ secret, url }: Borrowed, database = 'postgres'): Promise<pg.Client> {
  const client = new pg.Client(url(database));
  client.on('error', () => {});
  await client.connect();
  await client.query('BEGIN');
  await client.query(`SELECT pg_advisory_xact_lock(${key(secret)})`);
  return client;
}

const tokenOf = async ({ sql, owner }: Borrowed): Promise<unknown> => {
  const [row] = await sql("SELECT shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1", [
    owner,
  ]);
  return JSON.parse(row?.['comment'] as string);
};

/** Waits until somebody waits for the secret's lock. */
async function someoneWaits({ sql, secret }: Borrowed): Promise<void> {
  await eventually('the lock is waited for', async () => {
    const waiting = await sql(
      `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
          AND (classid::bigint << 32 | objid::bigint) = ${key(secret)}`,
    );
    return waiting.length > 0;
  });
}

describe.each(settings)('on PostgreSQL $major as a $admin admin', (setting) => {
  test('the token stands on the owner, the tag on the login, both by one transaction', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx, secret, logins, sql } = target;
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1', { epoch: 41 }));

    expect(await tokenOf(target)).toEqual({ keyturn: { secret, era: 1, epoch: 41 } });
    const rows = await sql(
      `SELECT rolname, shobj_description(r.oid, 'pg_authid') AS comment, d.xmin = o.xmin AS at_once
         FROM pg_roles r JOIN pg_shdescription d ON d.objoid = r.oid,
              (SELECT d.xmin FROM pg_shdescription d JOIN pg_roles r ON r.oid = d.objoid WHERE rolname = $2) AS o
        WHERE rolname = $1`,
      [logins[0], target.owner],
    );
    expect(JSON.parse(String(rows[0]?.['comment']))).toEqual({ keyturn: { secret, rotation: 'r1' } });
    expect(rows[0]?.['at_once']).toBe(true);
  });

  test('an executor that was paused and comes late with an older epoch is refused', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx, open } = target;
    const late = open();
    const first = await late.propose(null, ctx('r1'));
    const holder = await holdLock(target);
    const lateCreate = late.create(first, ctx('r1', { epoch: 1 }));
    const refused = expect(lateCreate).rejects.toMatchObject({
      code: 'STALE_EPOCH',
      facts: { storedEra: 1, storedEpoch: 2 },
    });
    await someoneWaits(target);
    // The winner writes while the late one waits, under the same lock.
    await holder.query(
      `COMMENT ON ROLE ${target.owner} IS ${pg.escapeLiteral(JSON.stringify({ keyturn: { secret: target.secret, era: 1, epoch: 2 } }))}`,
    );
    await holder.query('COMMIT');
    await holder.end();

    await refused;
    expect(await connection.list(ctx('r1'))).toEqual([]);
  });

  test('a default of REPEATABLE READ is not taken: it would let the late executor write', async () => {
    const target = await borrowTarget(setting);
    const { ctx, open, config, sql, secret, owner } = target;
    const admin = config.admin.username;
    if (setting.admin === 'superuser')
      await sql(`ALTER DATABASE ${target.name} SET default_transaction_isolation = 'repeatable read'`);
    else await sql(`ALTER ROLE ${admin} SET default_transaction_isolation = 'repeatable read'`);
    const late = open(setting.admin === 'superuser' ? { adminDatabase: target.name } : {});
    const lockIn = setting.admin === 'superuser' ? target.name : 'postgres';
    const newer = pg.escapeLiteral(JSON.stringify({ keyturn: { secret, era: 1, epoch: 2 } }));

    // The trap itself: a waiter under REPEATABLE READ, snapshot taken before the wait, reads the older token.
    const trapped = new pg.Client(target.url(lockIn));
    await trapped.connect();
    const before = await holdLock(target, lockIn);
    await trapped.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const wait = trapped.query(`SELECT pg_advisory_xact_lock(${key(secret)})`);
    await someoneWaits(target);
    await before.query(`COMMENT ON ROLE ${owner} IS ${newer}`);
    await before.query('COMMIT');
    await before.end();
    await wait;
    const read = `SELECT d.description FROM pg_shdescription d JOIN pg_roles r ON r.oid = d.objoid WHERE rolname = $1`;
    expect((await trapped.query(read, [owner])).rows).toEqual([]);
    await trapped.query('ROLLBACK');
    await trapped.end();
    await sql(`COMMENT ON ROLE ${owner} IS NULL`);

    // The same race against ours.
    const first = await late.propose(null, ctx('r1'));
    const holder = await holdLock(target, lockIn);
    const refused = expect(late.create(first, ctx('r1', { epoch: 1 }))).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    await someoneWaits(target);
    await holder.query(`COMMENT ON ROLE ${owner} IS ${newer}`);
    await holder.query('COMMIT');
    await holder.end();
    await refused;
  });

  test('a lock that stays taken is busy, and nothing was changed', async () => {
    const target = await borrowTarget(setting);
    const { ctx, open } = target;
    const quick = open({ lockTimeoutMs: 50 });
    const first = await quick.propose(null, ctx('r1'));
    const holder = await holdLock(target);

    await expect(quick.create(first, ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_BUSY', class: 'retry' });

    await holder.query('ROLLBACK');
    await holder.end();
    expect(await quick.list(ctx('r1'))).toEqual([]);
    await quick.create(first, ctx('r1'));
  });

  test('a token that is gone from a known secret refuses every change', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx, sql, owner, logins } = target;
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));
    await sql(`COMMENT ON ROLE ${owner} IS NULL`);
    const known = ctx('r2', { fence: { era: 1, epoch: 5, known: true } });
    const missing = { code: 'FENCE_MISSING', class: 'park' };

    await expect(connection.create(await connection.propose(null, known), known)).rejects.toMatchObject(missing);
    await expect(connection.raise(known)).rejects.toMatchObject(missing);
    await expect(connection.disable(logins[0], known)).rejects.toMatchObject(missing);
    await expect(connection.enable(logins[0], known)).rejects.toMatchObject(missing);
    await expect(connection.destroy(logins[0], { createdBy: 'r1' }, known)).rejects.toMatchObject(missing);
    await expect(connection.preflight(null, known)).rejects.toMatchObject(missing);
  });

  test('raise lifts the token and changes nothing else', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx, sql, name } = target;
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));
    const roles = `SELECT rolname, rolcanlogin, rolpassword IS NULL AS no_password, shobj_description(oid, 'pg_authid') AS comment
                     FROM pg_authid WHERE starts_with(rolname, $1) AND rolname <> $2 ORDER BY 1`;
    const before = await sql(roles, [name, target.owner]);

    await connection.raise(ctx('r1', { epoch: 7 }));

    expect(await sql(roles, [name, target.owner])).toEqual(before);
    expect(await tokenOf(target)).toMatchObject({ keyturn: { epoch: 7 } });
  });

  test('a comment of somebody else is never overwritten', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx, sql, owner } = target;
    await sql(`COMMENT ON ROLE ${owner} IS 'ask the billing team'`);
    const proposal = await connection.propose(null, ctx('r1'));

    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({ code: 'PRINCIPAL_IN_USE' });

    const [finding] = await connection.preflight(null, ctx('r1'));
    expect(finding).toEqual({
      sentence: `the comment of role ${owner} is not ours, and we would need its place`,
      cure: `COMMENT ON ROLE "${owner}" IS NULL;`,
    });
    await sql(finding!.cure);
    expect(await connection.preflight(null, ctx('r1'))).toEqual([]);
    await connection.create(proposal, ctx('r1'));
  });

  test('forty calls at once end in nothing but success or busy', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx, logins } = target;
    const proposal = await connection.propose(null, ctx('r1'));

    const settled = await Promise.allSettled(
      Array.from({ length: 40 }, async () => connection.create(proposal, ctx('r1'))),
    );

    const codes = settled.map((each) => (each.status === 'fulfilled' ? 'ok' : (each.reason as { code: string }).code));
    expect(codes.filter((code) => code !== 'ok' && code !== 'TARGET_BUSY')).toEqual([]);
    expect(codes).toContain('ok');
    const credential = { identity: logins[0], value: proposal.value! };
    expect(await connection.verify(credential, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('a commit whose answer is lost is an unknown outcome, and the next call finds it done', async () => {
    const target = await borrowTarget(setting);
    const { ctx, open, config } = target;
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: config.endpoints[0]!.port });
    const led = open({ endpoints: [{ host: '127.0.0.1', port: proxy.port }] });
    const proposal = await led.propose(null, ctx('r1'));
    await led.list(ctx('r1'));
    await proxy.setMode({ kind: 'cutAfterRequest', match: /\bCOMMIT\b/ });

    await expect(led.create(proposal, ctx('r1'))).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      class: 'retry',
      facts: { outcome: 'unknown' },
    });

    expect(proxy.cuts).toBeGreaterThanOrEqual(1);
    await proxy.setMode({ kind: 'pass' });
    // The server may be at that commit still, and a list asks for no lock: raising waits for it.
    await led.raise(ctx('r1', { epoch: 2 }));
    expect(await led.list(ctx('r1'))).toMatchObject([{ rotationId: 'r1', live: true }]);
    await led.create(proposal, ctx('r1', { epoch: 2 }));
    await led.close();
    await proxy.stop();
  });

  test('a line that is cut before the commit is certain to have changed nothing', async () => {
    const target = await borrowTarget(setting);
    const { ctx, open, connection, config } = target;
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: config.endpoints[0]!.port });
    const led = open({ endpoints: [{ host: '127.0.0.1', port: proxy.port }] });
    const proposal = await led.propose(null, ctx('r1'));
    await led.list(ctx('r1'));
    await proxy.setMode({ kind: 'cutAfterRequest', match: /BEGIN/ });

    await expect(led.create(proposal, ctx('r1'))).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      facts: { outcome: 'none' },
    });

    expect(await connection.list(ctx('r1'))).toEqual([]);
    await led.close();
    await proxy.stop();
  });

  test('an abort cuts the line, and the reason is what the caller is told', async () => {
    const target = await borrowTarget(setting);
    const { connection, ctx } = target;
    const proposal = await connection.propose(null, ctx('r1'));
    const holder = await holdLock(target);
    const lost = new AbortController();
    const told = expect(connection.create(proposal, ctx('r1', { signal: lost.signal }))).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    await someoneWaits(target);

    lost.abort(keyturnError('LEASE_LOST', { secret: target.secret }));

    await told;
    await holder.query('ROLLBACK');
    await holder.end();
  });

  test('a call ends at its deadline', async () => {
    const target = await borrowTarget(setting);
    const { ctx, open } = target;
    const patient = open({ lockTimeoutMs: 60_000, statementTimeoutMs: 60_000 });
    const proposal = await patient.propose(null, ctx('r1'));
    const holder = await holdLock(target);

    await expect(patient.create(proposal, ctx('r1', { deadlineMs: 300 }))).rejects.toMatchObject({ class: 'retry' });

    await holder.query('ROLLBACK');
    await holder.end();
    expect(await patient.list(ctx('r1'))).toEqual([]);
  });
});

test('executors of two admins of one cluster exclude each other, because the lock is in one fixed database', async () => {
  const target = await borrowTarget({ major: 18, admin: 'superuser' });
  const { ctx, open } = target;
  const elsewhere = open({ database: 'postgres', lockTimeoutMs: 50 });
  const proposal = await elsewhere.propose(null, ctx('r1'));
  const holder = await holdLock(target);

  await expect(elsewhere.raise(ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_BUSY' });

  await holder.query('ROLLBACK');
  await holder.end();
  await elsewhere.create(proposal, ctx('r1'));
});

test('a holder that stops in the middle is ended by the server, and the next one gets through', async () => {
  const target = await borrowTarget({ major: 18, admin: 'superuser' });
  const { ctx, open, connection, config } = target;
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: config.endpoints[0]!.port });
  const paused = open({ endpoints: [{ host: '127.0.0.1', port: proxy.port }] });
  const proposal = await paused.propose(null, ctx('r1'));
  const holder = await holdLock(target);
  const stopped = new AbortController();
  const ended = expect(paused.create(proposal, ctx('r1', { signal: stopped.signal }))).rejects.toMatchObject({
    facts: { outcome: 'none' },
  });
  await someoneWaits(target);
  await proxy.setMode({ kind: 'blackHole' });
  await holder.query('COMMIT');
  await holder.end();

  // Before it has the lock it is not idle in its transaction, and a look for that would come too early.
  await eventually('the server ends the paused holder, and the next one gets through', async () => {
    await connection.raise(ctx('r1', { epoch: 2 }));
    return true;
  });

  stopped.abort();
  await ended;
  expect(await connection.list(ctx('r1'))).toEqual([]);
  await paused.close();
  await proxy.stop();
});
