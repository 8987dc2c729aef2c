import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { borrowTarget, describeWithProgram } from './borrowed.js';

/** Tries to log in from an address of this machine. */
async function tryFrom(port: number, from: string, username: string): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from });
  socket.write(`AUTH ${username} not-the-password\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^-WRONGPASS/);
  socket.destroy();
}

describeWithProgram('refused logins of an account', () => {
  test('are told by the address they came from, since a mark and of that account alone', async () => {
    const { connection, ctx, port, logIn, person } = await borrowTarget();
    // Or only 127.0.0.1 is let in to a server whose default account has no password.
    await person.config('SET', 'protected-mode', 'no');
    const { identity, value } = await connection.propose(null, ctx('r1'));
    await connection.create({ identity, value: value! }, ctx('r1'));
    await connection.disable(identity, ctx('r2'));
    const refusedLogins = async (mark: string | null) => connection.refusedLogins!(identity, mark, ctx('r2'));
    const known = (from: readonly string[]) => ({ kind: 'known', mark: expect.any(String), from });

    await tryFrom(port, '127.0.0.7', identity);
    const first = await refusedLogins(null);
    expect(first).toEqual(known([]));
    const since = first.kind === 'known' ? first.mark : '';
    expect(await refusedLogins(since)).toEqual(known([]));

    await tryFrom(port, '127.0.0.8', 'somebody-else');
    await expect(logIn(identity, value!)).rejects.toThrow(/WRONGPASS/);
    await expect.poll(async () => refusedLogins(since)).toEqual(known(['127.0.0.1']));
    // One entry for tries of one account within a minute: its address is the newest one's.
    await tryFrom(port, '127.0.0.9', identity);
    const next = await refusedLogins(since);
    expect(next).toEqual(known(['127.0.0.9']));
    expect(await refusedLogins(next.kind === 'known' ? next.mark : '')).toEqual(known([]));
  });

  test('are unknown where the server cannot be asked, or the admin may not read its clock', async () => {
    const { connection, ctx, open, person } = await borrowTarget();
    const away = open({ endpoints: [{ host: '127.0.0.1', port: 1 }] });
    expect(await away.refusedLogins!('app-1', null, ctx('r1'))).toEqual({
      kind: 'unknown',
      reason: 'the log of 127.0.0.1:1 could not be read (TARGET_UNREACHABLE)',
    });

    await person.call('ACL', 'SETUSER', 'keyturn_admin', '-time');
    expect(await connection.refusedLogins!('app-1', null, ctx('r1'))).toEqual({
      kind: 'unknown',
      reason: expect.stringMatching(/could not be read \(PRIVILEGE_MISSING\)$/),
    });
  });

  test('are unknown where the server has forgotten what came since', async () => {
    const { connection, ctx, port, person } = await borrowTarget();
    await person.config('SET', 'protected-mode', 'no');
    await person.config('SET', 'acllog-max-len', '3');
    const first = await connection.refusedLogins!('app-1', null, ctx('r1'));
    const since = first.kind === 'known' ? first.mark : '';
    for (const other of ['one', 'two', 'three']) await tryFrom(port, '127.0.0.8', other);

    await expect
      .poll(async () => connection.refusedLogins!('app-1', since, ctx('r1')))
      .toEqual({
        kind: 'unknown',
        reason: expect.stringMatching(/it keeps too few entries \(acllog-max-len\)\)$/),
      });
  });

  test('are told of by one endpoint though another cannot be asked', async () => {
    const { ctx, open, port, person } = await borrowTarget();
    await person.config('SET', 'protected-mode', 'no');
    const alone = open();
    const two = open({
      endpoints: [
        { host: '127.0.0.1', port },
        { host: '127.0.0.1', port: 1 },
      ],
    });
    const first = await alone.refusedLogins!('app-1', null, ctx('r1'));
    const since = first.kind === 'known' ? first.mark : '';
    expect(await two.refusedLogins!('app-1', since, ctx('r1'))).toMatchObject({ kind: 'unknown' });

    await expect
      .poll(async () => {
        await tryFrom(port, '127.0.0.8', 'app-1');
        return two.refusedLogins!('app-1', since, ctx('r1'));
      })
      .toMatchObject({ kind: 'known', from: ['127.0.0.8'] });
  });
});
