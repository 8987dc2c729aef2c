import { mkdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection, Credential, RotatorContext } from 'keyturn/rotator';
import { Secret } from 'keyturn/rotator';
import redis from 'keyturn/rotators/redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { asAdmin } from '../../../rotators/redis/admin.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { borrowServer, borrowTarget, describeWithProgram, rules } from './borrowed.js';

async function make(connection: Connection, ctx: RotatorContext): Promise<Credential> {
  const { identity, value } = await connection.propose(null, ctx);
  await connection.create({ identity, value: value! }, ctx);
  return { identity, value: value! };
}

describeWithProgram('an account on a real server', () => {
  test('lives through a restart, and so does its end', async () => {
    const { connection, ctx, restart } = await borrowTarget();
    const made = await make(connection, ctx('r1'));

    await restart();
    expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);

    await connection.disable(made.identity, ctx('r2'));
    await restart();
    expect(await connection.probe(made, ctx('r2'))).toMatchObject([{ answer: 'refused' }]);

    await connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r2'));
    await restart();
    expect(await connection.probe(made, ctx('r2'))).toMatchObject([{ answer: 'absent' }]);
  });

  test('whose removal was not written down stays removed once it is destroyed again', async () => {
    const { connection, ctx, person, restart } = await borrowTarget();
    const made = await make(connection, ctx('r1'));
    // As if the worker had died between the two.
    await person.call('ACL', 'DELUSER', made.identity);

    await connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r2'));
    await restart();

    expect(await connection.probe(made, ctx('r2'))).toMatchObject([{ answer: 'absent' }]);
  });

  test('whose file cannot be written is told, and made once it can', async () => {
    const { connection, ctx, folder, restart } = await borrowTarget();
    const file = join(folder, 'users.acl');
    await rename(file, `${file}.kept`);
    // No file can take the place of a folder, whoever the server runs as.
    await mkdir(file);
    const proposal = await connection.propose(null, ctx('r1'));

    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({
      code: 'STEP_FAILED',
      facts: { name: 'the ACL file could not be written', outcome: 'unknown' },
    });
    await rmdir(file);
    await connection.create(proposal, ctx('r1', { attempt: 2 }));
    await restart();

    expect(await connection.list(ctx('r1'))).toHaveLength(1);
  });

  test('may do what the rules say, and the tag adds nothing to it', async () => {
    const { connection, ctx, logIn } = await borrowTarget();
    const { identity, value } = await make(connection, ctx('r1'));

    const client = await logIn(identity, value);

    expect(await client.set('app:one', '1')).toBe('OK');
    await expect(client.get('elsewhere')).rejects.toThrow('NOPERM');
    await expect(client.get('keyturn:r1:test:/cache')).rejects.toThrow('NOPERM');
    await expect(client.call('ACL', 'WHOAMI')).rejects.toThrow('NOPERM');
  });

  test('that may not do what a consumer does first is refused when verified', async () => {
    const { open, ctx } = await borrowTarget();
    const connection = open({ check: ['GET', 'elsewhere'] });
    const made = await make(connection, ctx('r1'));

    expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
    expect(await connection.verify(made, ctx('r1'))).toMatchObject([
      { answer: 'refused', reason: 'the password was accepted, but GET is not allowed by the rules' },
    ]);
  });

  test('of somebody else stays as it is when the rotation it was in the way of is undone', async () => {
    const { connection, ctx, person, logIn } = await borrowTarget();
    await person.call('ACL', 'SETUSER', 'app-r1', 'on', '>somebody-elses', '+ping');
    const proposal = await connection.propose(null, ctx('r1'));

    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({
      code: 'PRINCIPAL_IN_USE',
      facts: { principal: 'app-r1', cure: 'ACL DELUSER app-r1' },
    });
    await expect(connection.disable('app-r1', ctx('r1'))).rejects.toMatchObject({ code: 'NOT_OURS' });
    await expect(connection.destroy('app-r1', { createdBy: 'r1' }, ctx('r1'))).rejects.toMatchObject({
      code: 'NOT_OURS',
    });

    expect(await (await logIn('app-r1', 'somebody-elses')).ping()).toBe('PONG');
  });

  test('of another secret is neither switched off nor removed', async () => {
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

  test('that was made by hand is switched off, on, and removed', async () => {
    const { connection, ctx, person, logIn } = await borrowTarget();
    await person.call('ACL', 'SETUSER', 'billing', 'on', '>made-by-hand', '+ping');
    const adopted = { identity: 'billing', value: Secret.fromText('made-by-hand') };
    const before = await logIn('billing', adopted.value);
    await make(connection, ctx('r1'));

    expect(await connection.disable('billing', ctx('r1'))).toEqual({ endedSessions: 1 });
    await expect(before.ping()).rejects.toThrow();
    await connection.enable('billing', ctx('r1'));
    expect(await connection.verify(adopted, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
    await connection.destroy('billing', { createdBy: null }, ctx('r1'));

    expect(await connection.probe(adopted, ctx('r1'))).toMatchObject([{ answer: 'absent' }]);
  });

  test.each(['default', 'keyturn_admin'])('on which others rest is never switched off: %s', async (identity) => {
    const { connection, ctx, person } = await borrowTarget();

    await expect(connection.disable(identity, ctx('r1'))).rejects.toMatchObject({ code: 'NOT_OURS' });
    await expect(connection.destroy(identity, { createdBy: null }, ctx('r1'))).rejects.toMatchObject({
      code: 'NOT_OURS',
    });

    expect((await person.call('ACL', 'GETUSER', identity)) as unknown[]).toContainEqual(
      expect.arrayContaining(['on']) as unknown,
    );
  });

  test('that was made while the answer got lost is finished by the next try', async () => {
    const { open, ctx, port } = await borrowTarget();
    const proxy = await startTcpProxy({ host: '127.0.0.1', port });
    onTestFinished(proxy.stop);
    const connection = open({ endpoints: [{ host: '127.0.0.1', port: proxy.port }] });
    const proposal = await connection.propose(null, ctx('r1'));
    await proxy.setMode({ kind: 'cutAfterRequest', match: /SETUSER/i });

    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      facts: { outcome: 'unknown' },
    });
    expect(proxy.cuts).toBe(1);
    await proxy.setMode({ kind: 'pass' });
    await connection.create(proposal, ctx('r1', { attempt: 2 }));

    expect(await connection.list(ctx('r1'))).toEqual([{ identity: 'app-r1', rotationId: 'r1', live: true }]);
    expect(await connection.verify({ identity: 'app-r1', value: proposal.value! }, ctx('r1'))).toMatchObject([
      { answer: 'accepted' },
    ]);
  });
});

describeWithProgram('a server that does not answer', () => {
  test('is unknown, and a call to it ends at its deadline', async () => {
    const { connection, ctx, pause } = await borrowTarget();
    const made = await make(connection, ctx('r1'));
    await pause();
    const soon = (): RotatorContext => ctx('r1', { deadlineMs: 300 });

    expect(await connection.probe(made, soon())).toMatchObject([{ answer: 'unknown' }]);
    expect(await connection.verify(made, soon())).toMatchObject([{ answer: 'unknown' }]);
    expect(await connection.usage(made.identity, soon())).toMatchObject({ kind: 'unknown' });
    await expect(connection.create(made, soon())).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(connection.destroy(made.identity, { createdBy: 'r1' }, soon())).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
  });

  test('is left at the abort, with the reason of the abort', async () => {
    const { connection, ctx, pause } = await borrowTarget();
    await pause();
    const cut = new AbortController();
    const listing = connection.list(ctx('r1', { signal: cut.signal }));
    cut.abort();

    await expect(listing).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', facts: { outcome: 'none' } });
  });

  test('because it has no connection left is unknown', async () => {
    const { connection, ctx, person } = await borrowTarget();
    const made = await make(connection, ctx('r1'));
    await person.config('SET', 'maxclients', '1');

    expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'unknown' }]);
    await expect(connection.list(ctx('r1'))).rejects.toMatchObject({
      code: expect.stringMatching(/^TARGET_(THROTTLED|UNREACHABLE)$/) as string,
    });
  });
});

describeWithProgram('a change', () => {
  test('is not sent once the call is over, not even by a process that has slept through its end', async () => {
    const { configure, ctx, person } = await borrowTarget();
    const config = configure();
    const work = { config, action: 'create', ctx: ctx('r1', { deadlineMs: 500 }) };
    const sleeping = asAdmin(config.endpoints[0]!, work, async (session) => {
      await session.call('ACL', 'LIST');
      // As under SIGSTOP: nothing of this process is run until its time is over.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
      await session.change('ACL', 'SETUSER', 'app-r1', 'on');
    });

    await expect(sleeping).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', facts: { outcome: 'none' } });
    expect(await person.call('ACL', 'USERS')).not.toContain('app-r1');
  });
});

describeWithProgram('two servers of one target', () => {
  test('each get the account, a half-made one is finished, and both lose it', async () => {
    const [first, second] = [await borrowTarget(), await borrowServer()];
    const { open, ctx } = first;
    const { username, password } = first.configure().admin;
    await second.person.call('ACL', 'SETUSER', username, 'on', 'nopass', '+@all', '~*');
    const endpoints = [first.port, second.port].map((port) => ({ host: '127.0.0.1', port }));
    const connection = open({ endpoints, admin: { username, password } });
    // As if the worker had died after the first of them.
    const proposal = await first.connection.propose(null, ctx('r1'));
    await first.connection.create(proposal, ctx('r1'));
    const made = { identity: proposal.identity, value: proposal.value! };
    expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }, { answer: 'absent' }]);

    await connection.create(made, ctx('r1', { attempt: 2 }));
    expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }, { answer: 'accepted' }]);
    expect(await connection.list(ctx('r1'))).toHaveLength(1);

    await connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r2'));
    expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'absent' }, { answer: 'absent' }]);
  });

  test('of which one is away fail as a whole, and the account of the other one is listed', async () => {
    const { open, port, ctx } = await borrowTarget();
    const connection = open({
      endpoints: [
        { host: '127.0.0.1', port },
        { host: '127.0.0.1', port: 1 },
      ],
    });
    const proposal = await connection.propose(null, ctx('r1'));

    await expect(connection.create(proposal, ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });

    expect(await open().list(ctx('r1'))).toHaveLength(1);
  });
});

describe('a rule', () => {
  const admin = { username: 'a', password: Secret.fromText('any') };
  const parse = (rule: string): boolean =>
    redis.config.safeParse({ endpoints: [{ host: 'h' }], admin, name: 'app', rules: [rule] }).success;

  test.each([...rules, '(%R~app:* +get)', 'allchannels', '&news', '-@dangerous', 'db=0'])('is taken: %s', (rule) => {
    expect(parse(rule)).toBe(true);
  });

  test.each([
    '>password',
    '<password',
    '#e3b0',
    '!e3b0',
    'on',
    'OFF',
    'nopass',
    'reset',
    'resetpass',
    '+get +set',
    '~keyturn:r1:test:/cache',
    '(~keyturn:r1:test:/cache)',
    '(+get) on',
    '',
  ])('that would touch the login or the tag is refused: %s', (rule) => {
    expect(parse(rule)).toBe(false);
  });
});
