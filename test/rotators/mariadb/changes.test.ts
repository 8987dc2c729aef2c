import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection, Credential, RotatorContext } from 'keyturn/rotator';
import { Secret } from 'keyturn/rotator';
import { expect, onTestFinished, test } from 'vitest';
import { asAdmin } from '../../../rotators/mariadb/admin.js';
import { loadDriver } from '../../../rotators/mariadb/session.js';
import { eventually } from '../../support/eventually.js';
import { startMariadb } from '../../support/mariadb.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { asRoot, borrowTarget, describeWithMariadb } from './borrowed.js';

async function make(connection: Connection, ctx: RotatorContext): Promise<Credential> {
  const { identity, value } = await connection.propose(null, ctx);
  await connection.create({ identity, value: value! }, ctx);
  return { identity, value: value! };
}

describeWithMariadb('an account on a real server', () => {
  test('lives through a restart, and so does its lock', async () => {
    const { connection, ctx, server } = await borrowTarget();
    const made = await make(connection, ctx('r1'));

    await server.restart();
    expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
    await connection.disable(made.identity, ctx('r2'));
    await server.restart();

    expect(await connection.probe(made, ctx('r2'))).toMatchObject([
      { answer: 'refused', reason: 'the account is locked (4151)' },
    ]);
  });

  test('made by many at the same time is one, and none of them is told that a privilege is missing', async () => {
    const { connection, open, ctx } = await borrowTarget();
    const { identity, value } = await connection.propose(null, ctx('r1'));

    const all = Array.from({ length: 10 }, async () => open().create({ identity, value: value! }, ctx('r1')));

    expect(await Promise.allSettled(all)).toEqual(all.map(() => ({ status: 'fulfilled', value: { identity } })));
    expect(await connection.verify({ identity, value: value! }, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('is made although somebody who was to make it is paused and never ends', async () => {
    const { connection, ctx, logIn, name, sql } = await borrowTarget();
    const { identity, value } = await connection.propose(null, ctx('r1'));
    await sql(
      `CREATE USER '${name}_paused' IDENTIFIED BY 'paused-somewhere'; GRANT \`${name}_role\` TO '${name}_paused'`,
    );
    await sql(`SET DEFAULT ROLE \`${name}_role\` FOR '${name}_paused'`);
    const paused = await logIn(`${name}_paused`, 'paused-somewhere');
    await paused.query('SELECT GET_LOCK(?, 0)', [`keyturn ${identity}`]);

    await connection.create({ identity, value: value! }, ctx('r1'));

    expect(await connection.verify({ identity, value: value! }, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('is made under the longest name there may be', async () => {
    const { open, ctx, name } = await borrowTarget();
    const connection = open({ name: name.padEnd(40, 'x') });
    onTestFinished(async () => connection.close());
    const made = await make(connection, ctx('r1'));

    expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('acts as the role from its login on, and has no right of its own', async () => {
    const { connection, ctx, logIn, name, sql } = await borrowTarget();
    const { identity, value } = await make(connection, ctx('r1'));

    const client = await logIn(identity, value);

    await client.query('INSERT INTO things VALUES (1)');
    await expect(client.query('DELETE FROM things')).rejects.toMatchObject({ errno: 1142 });
    // A right that is given to the role is given to both, at once.
    await sql(`GRANT DELETE ON ${name}.* TO \`${name}_role\``);
    await (await logIn(identity, value)).query('DELETE FROM things');
  });

  test('that does not act as the role is refused when verified', async () => {
    const { connection, ctx, name, sql } = await borrowTarget();
    const made = await make(connection, ctx('r1'));
    await sql(`SET DEFAULT ROLE NONE FOR '${made.identity}'`);

    expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
    expect(await connection.verify(made, ctx('r1'))).toMatchObject([
      {
        answer: 'refused',
        reason: `the password was accepted, but the account may not use the database ${name} (1044)`,
      },
    ]);
  });

  test('of somebody else stays as it is when the rotation it was in the way of is undone', async () => {
    const { connection, ctx, sql, name } = await borrowTarget();
    await sql(`CREATE USER '${name}-r1' IDENTIFIED BY 'somebody-elses'`);
    const theirs = { identity: `${name}-r1`, value: Secret.fromText('somebody-elses') };
    const proposal = await connection.propose(null, ctx('r1'));

    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({
      code: 'PRINCIPAL_IN_USE',
      facts: { principal: `${name}-r1`, cure: `DROP USER '${name}-r1'@'%';` },
    });
    await expect(connection.disable(`${name}-r1`, ctx('r1'))).rejects.toMatchObject({ code: 'NOT_OURS' });
    await expect(connection.destroy(`${name}-r1`, { createdBy: 'r1' }, ctx('r1'))).rejects.toMatchObject({
      code: 'NOT_OURS',
    });

    expect(await connection.probe(theirs, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('of another secret is neither locked nor dropped', async () => {
    const { connection, ctx } = await borrowTarget();
    const made = await make(connection, ctx('r1'));
    const other = ctx('r1', { secret: 'test:/another' });

    await expect(connection.create(made, other)).rejects.toMatchObject({ code: 'PRINCIPAL_IN_USE' });
    await expect(connection.disable(made.identity, other)).rejects.toMatchObject({ code: 'NOT_OURS' });
    await expect(connection.destroy(made.identity, { createdBy: 'r1' }, other)).rejects.toMatchObject({
      code: 'NOT_OURS',
    });

    expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  });

  test('that was made by hand for several hosts is locked, unlocked and dropped for all of them', async () => {
    const { connection, ctx, sql, name } = await borrowTarget();
    const by = "IDENTIFIED BY 'made-by-hand-and-long'";
    await sql(`CREATE USER '${name}_app'@'127.0.0.1' ${by}, '${name}_app'@'10.%' ${by}`);
    const adopted = { identity: `${name}_app`, value: Secret.fromText('made-by-hand-and-long') };
    await make(connection, ctx('r1'));
    const hosts = async (): Promise<number> =>
      (await sql(`SELECT host FROM mysql.global_priv WHERE user = '${name}_app'`)).length;

    await connection.disable(adopted.identity, ctx('r1'));
    expect(await connection.probe(adopted, ctx('r1'))).toMatchObject([{ answer: 'refused' }]);
    await connection.enable(adopted.identity, ctx('r1'));
    expect(await connection.probe(adopted, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
    expect(await hosts()).toBe(2);
    await connection.destroy(adopted.identity, { createdBy: null }, ctx('r1'));

    expect(await hosts()).toBe(0);
    expect(await connection.probe(adopted, ctx('r1'))).toMatchObject([{ answer: 'absent' }]);
  });

  test('on which others rest is never locked', async () => {
    const { connection, ctx, configure } = await borrowTarget();
    const before = await connection.list(ctx('r1'));

    for (const identity of ['root', 'mariadb.sys', configure().admin.username]) {
      await expect(connection.disable(identity, ctx('r1'))).rejects.toMatchObject({ code: 'NOT_OURS' });
      await expect(connection.destroy(identity, { createdBy: null }, ctx('r1'))).rejects.toMatchObject({
        code: 'NOT_OURS',
      });
    }

    expect(await connection.list(ctx('r1'))).toEqual(before);
  });

  test.each(["app'@'%", 'app`', 'a b', ''])(
    'whose name would break out of a statement is not ours: %s',
    async (name) => {
      const { connection, ctx } = await borrowTarget();

      await expect(connection.disable(name, ctx('r1'))).rejects.toMatchObject({ code: 'NOT_OURS' });
    },
  );

  test.each(['REPLACE INTO', 'CREATE OR REPLACE USER', 'GRANT', 'SET DEFAULT ROLE'])(
    'whose making was cut off after %s is finished by the next try',
    async (statement) => {
      const { open, ctx, server, name } = await borrowTarget();
      const proxy = await startTcpProxy({ host: '127.0.0.1', port: server.port });
      onTestFinished(proxy.stop);
      const connection = open({ endpoints: [{ host: '127.0.0.1', port: proxy.port }] });
      const proposal = await connection.propose(null, ctx('r1'));
      await proxy.setMode({ kind: 'cutAfterRequest', match: new RegExp(`${statement} `) });

      await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({
        code: 'TARGET_UNREACHABLE',
        facts: { outcome: 'unknown' },
      });
      expect(proxy.cuts).toBe(1);
      await proxy.setMode({ kind: 'pass' });
      await connection.create(proposal, ctx('r1', { attempt: 2 }));

      expect(await connection.list(ctx('r1'))).toEqual([{ identity: `${name}-r1`, rotationId: 'r1', live: true }]);
      expect(await connection.verify({ identity: proposal.identity, value: proposal.value! }, ctx('r1'))).toMatchObject(
        [{ answer: 'accepted' }],
      );
    },
  );

  test('whose dropping was cut off is still known to be ours, and gone after the next try', async () => {
    const { connection, ctx, sql, name } = await borrowTarget();
    await make(connection, ctx('r1'));
    await sql(`DROP USER '${name}-r1'`);
    expect(await connection.list(ctx('r1'))).toEqual([{ identity: `${name}-r1`, rotationId: 'r1', live: false }]);

    await connection.destroy(`${name}-r1`, { createdBy: 'r1' }, ctx('r2'));

    expect(await connection.list(ctx('r1'))).toEqual([]);
  });

  test('is not made where Keyturn could not log in with it', async () => {
    const { open, ctx } = await borrowTarget();
    const connection = open({ from: '10.0.0.%' });
    const proposal = await connection.propose(null, ctx('r1'));

    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({
      code: 'PRIVILEGE_MISSING',
      facts: { cure: 'Let `from` include the address of Keyturn.' },
    });
    await connection.destroy(proposal.identity, { createdBy: 'r1' }, ctx('r1'));

    expect(await connection.list(ctx('r1'))).toEqual([]);
  });
});

describeWithMariadb('a session', () => {
  test('in the middle of a statement ends with the lock, and with the drop', async () => {
    const { connection, ctx, logIn } = await borrowTarget();
    const { identity, value } = await make(connection, ctx('r1'));
    const sleeping = (await logIn(identity, value)).query('SELECT sleep(200)').catch((error: unknown) => error);

    expect(await connection.disable(identity, ctx('r2'))).toEqual({ endedSessions: 1 });
    expect(await sleeping).toBeInstanceOf(Error);

    await connection.enable(identity, ctx('r2'));
    const idle = await logIn(identity, value);
    await connection.destroy(identity, { createdBy: 'r1' }, ctx('r2'));
    await expect(idle.ping()).rejects.toThrow();
  });
});

describeWithMariadb('a server that does not answer', () => {
  test('is unknown, and a call to it ends at its deadline', async () => {
    const { connection, ctx, server } = await borrowTarget();
    const made = await make(connection, ctx('r1'));
    process.kill(server.pid, 'SIGSTOP');
    try {
      const soon = (): RotatorContext => ctx('r1', { deadlineMs: 300 });
      expect(await connection.probe(made, soon())).toMatchObject([{ answer: 'unknown' }]);
      expect(await connection.verify(made, soon())).toMatchObject([{ answer: 'unknown' }]);
      expect(await connection.usage(made.identity, soon())).toMatchObject({ kind: 'unknown' });
      await expect(connection.create(made, soon())).rejects.toMatchObject({
        code: expect.stringMatching(/^(DEADLINE_EXCEEDED|TARGET_UNREACHABLE)$/) as string,
      });
      const cut = new AbortController();
      const listing = connection.list(ctx('r1', { signal: cut.signal }));
      cut.abort();
      await expect(listing).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', facts: { outcome: 'none' } });
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
  });

  test('because it has no connection left is unknown', async () => {
    const { connection, ctx, sql, logIn } = await borrowTarget();
    const made = await make(connection, ctx('r1'));
    await sql(`ALTER USER '${made.identity}' WITH MAX_USER_CONNECTIONS 1`);
    await logIn(made.identity, made.value);

    expect(await connection.probe(made, ctx('r1'))).toMatchObject([
      { answer: 'unknown', reason: 'the server was not able to answer (1226)' },
    ]);
  });
});

describeWithMariadb('a change', () => {
  test('is not sent once the call is over, not even by a process that has slept through its end', async () => {
    const { configure, ctx, sql, name } = await borrowTarget();
    const config = configure();
    const work = { config, action: 'create', ctx: ctx('r1', { deadlineMs: 2_000 }) };
    const sleeping = asAdmin(config.endpoints[0]!, work, async (session) => {
      await session.query('SELECT 1');
      // As under SIGSTOP: nothing of this process is run until its time is over.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_100);
      await session.change(`CREATE USER '${name}-r1'`);
    });

    await expect(sleeping).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', facts: { outcome: 'none' } });
    expect(await sql(`SELECT user FROM mysql.global_priv WHERE user = '${name}-r1'`)).toEqual([]);
  });
});

describeWithMariadb('a replica', () => {
  test('has the account, and its sessions end there too', async () => {
    const primary = await startMariadb(['--server-id=1', '--log-bin=binlog']);
    onTestFinished(primary.stop);
    const replica = await startMariadb(['--server-id=2', '--read-only']);
    onTestFinished(replica.stop);
    await asRoot(primary, 'CREATE USER copier; GRANT REPLICATION SLAVE ON *.* TO copier');
    const from = `MASTER_HOST='127.0.0.1', MASTER_PORT=${primary.port}, MASTER_USER='copier', MASTER_USE_GTID=slave_pos`;
    await asRoot(replica, `CHANGE MASTER TO ${from}; START SLAVE`);
    const { open, ctx } = await borrowTarget(primary);
    const endpoints = [primary, replica].map(({ port }) => ({ host: '127.0.0.1', port }));
    const connection = open({ endpoints });
    await eventually('the replica has the admin', async () => (await connection.identify(ctx('r1'))).system !== '');
    const made = await make(connection, ctx('r1'));
    await eventually('the replica has the account', async () =>
      (await connection.verify(made, ctx('r1'))).every(({ answer }) => answer === 'accepted'),
    );
    const replicated = open({ endpoints: [endpoints[1]] });
    expect(await replicated.preflight(null, ctx('r1'))).toMatchObject([
      { sentence: `127.0.0.1:${replica.port} is read-only, and changes are written at the first endpoint` },
    ]);
    await asRoot(replica, `STOP SLAVE SQL_THREAD`);
    let isOver = false;
    const disabling = connection.disable(made.identity, ctx('r2')).finally(() => {
      isOver = true;
    });
    await eventually('it looks again at the replica, which has not heard of the lock', async () => {
      const log = await readFile(join(replica.folder, 'general.log'), 'latin1');
      return log.split('account_locked').length > 3;
    });
    expect(isOver).toBe(false);
    await asRoot(replica, `START SLAVE SQL_THREAD`);

    await disabling;
    expect(await connection.probe(made, ctx('r2'))).toMatchObject([{ answer: 'refused' }, { answer: 'refused' }]);
    await connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r2'));
    expect(await connection.probe(made, ctx('r2'))).toMatchObject([{ answer: 'absent' }, { answer: 'absent' }]);
  });
});

test('a driver that is not installed is told with its package', async () => {
  const load = async (): Promise<never> => Promise.reject(new Error('Cannot find package'));

  await expect(loadDriver({ step: 'preflight', secret: 'test:/db' }, load)).rejects.toMatchObject({
    code: 'PREFLIGHT_FAILED',
    facts: { finding: 'the package mysql2 is not installed', cure: 'npm install mysql2@3' },
  });
  await expect(loadDriver({ step: 'drain', secret: 'test:/db' }, load)).rejects.toMatchObject({
    code: 'STEP_FAILED',
    class: 'retry',
  });
});
