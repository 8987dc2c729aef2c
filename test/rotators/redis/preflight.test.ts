import type { Finding } from 'keyturn/rotator';
import { Secret } from 'keyturn/rotator';
import { expect, test } from 'vitest';
import { borrowServer, borrowTarget, describeWithProgram } from './borrowed.js';

const sentences = (findings: readonly Finding[]): readonly string[] => findings.map(({ sentence }) => sentence);
const any = (identity: string) => ({ identity, value: Secret.fromText('any') });

describeWithProgram('before a rotation', () => {
  test('nothing is found where all is well, and nothing is changed', async () => {
    const { connection, ctx, person } = await borrowTarget();
    const before = await person.call('ACL', 'LIST');

    expect(await connection.preflight(null, ctx('r1'))).toEqual([]);
    expect(await connection.preflight(any('billing'), ctx('r1'))).toEqual([]);

    expect(await person.call('ACL', 'LIST')).toEqual(before);
  });

  test('a server that would forget its accounts is found, and refuses a change', async () => {
    const server = await borrowServer({ settings: () => [] });
    const { connection, ctx, port } = await borrowTarget(server);
    const finding = `127.0.0.1:${port} has no file for its accounts, so a restart would bring back the old ones`;

    expect(sentences(await connection.preflight(null, ctx('r1')))).toEqual([finding]);
    await expect(connection.create(await connection.propose(null, ctx('r1')), ctx('r1'))).rejects.toMatchObject({
      code: 'PREFLIGHT_FAILED',
      facts: { finding },
    });
  });

  test.each([
    ['-acl|setuser', 'ACL SETUSER'],
    ['-acl|deluser', 'ACL DELUSER'],
    ['-acl|save', 'ACL SAVE'],
    ['-acl|dryrun', 'ACL DRYRUN'],
    ['-client|list', 'CLIENT LIST'],
    ['-client|kill', 'CLIENT KILL'],
    ['-config|get', 'CONFIG GET'],
  ])('an admin that lacks %s is found, and the cure is complete', async (rule, command) => {
    const { connection, ctx, person, port } = await borrowTarget();
    await person.call('ACL', 'SETUSER', 'keyturn_admin', rule);

    const findings = await connection.preflight(null, ctx('r1'));
    expect(sentences(findings)).toEqual([`admin keyturn_admin may not run ${command} at 127.0.0.1:${port}`]);
    const [word = '', ...words] = findings[0]!.cure.split(' ');
    await person.call(word, ...words);

    expect(await connection.preflight(null, ctx('r1'))).toEqual([]);
  });

  test('a privilege that is missing at work is told with its cure', async () => {
    const { connection, ctx, person } = await borrowTarget();
    await person.call('ACL', 'SETUSER', 'keyturn_admin', '-acl|setuser');

    await expect(connection.create(await connection.propose(null, ctx('r1')), ctx('r1'))).rejects.toMatchObject({
      code: 'PRIVILEGE_MISSING',
      facts: { action: 'create', cure: 'ACL SETUSER keyturn_admin +acl +client|list +client|kill +config|get +time' },
    });
    await person.call('ACL', 'SETUSER', 'keyturn_admin', '-client|list');
    expect(await connection.usage('app-r1', ctx('r1'))).toMatchObject({ kind: 'unknown' });
  });

  test('a wrong admin password is told as such', async () => {
    const { open, ctx } = await borrowTarget();
    const connection = open({ admin: { username: 'keyturn_admin', password: Secret.fromText('wrong') } });

    await expect(connection.preflight(null, ctx('r1'))).rejects.toMatchObject({ code: 'ADMIN_REFUSED', class: 'park' });
    await expect(connection.list(ctx('r1'))).rejects.toMatchObject({ code: 'ADMIN_REFUSED' });
  });

  test('a rule that the server does not know is named, and refused at work', async () => {
    const { open, ctx, person, port } = await borrowTarget();
    const connection = open({ rules: ['~app:*', '+@nosuch', '+get'] });

    expect(sentences(await connection.preflight(null, ctx('r1')))).toEqual([
      `127.0.0.1:${port} does not take the rule +@nosuch`,
    ]);
    await expect(connection.create(await connection.propose(null, ctx('r1')), ctx('r1'))).rejects.toMatchObject({
      code: 'PREFLIGHT_FAILED',
    });

    expect(await person.call('ACL', 'USERS')).not.toContain('app-r1');
  });

  test('an account in the way is found, and its cure removes it', async () => {
    const { connection, ctx, person, port } = await borrowTarget();
    await person.call('ACL', 'SETUSER', 'app-r1', 'on');

    const findings = await connection.preflight(null, ctx('r1'));

    expect(findings).toEqual([
      { sentence: `account app-r1 at 127.0.0.1:${port} is not ours`, cure: 'ACL DELUSER app-r1' },
    ]);
  });

  test.each(['default', 'keyturn_admin'])('a current credential on which others rest is found: %s', async (name) => {
    const { connection, ctx } = await borrowTarget();

    expect(sentences(await connection.preflight(any(name), ctx('r1')))).toEqual([
      `the current credential is the account ${name}, on which more than one consumer rests`,
    ]);
  });

  test('a current account that takes any password is found', async () => {
    const { connection, ctx, person, port } = await borrowTarget();
    await person.call('ACL', 'SETUSER', 'billing', 'on', 'nopass', '+ping');

    expect(sentences(await connection.preflight(any('billing'), ctx('r1')))).toEqual([
      `account billing takes any password at 127.0.0.1:${port}, so a login proves nothing`,
    ]);
  });
});

describeWithProgram('the identifier of a system', () => {
  test('is what a person gave it, and outlives a restart', async () => {
    const { connection, ctx, restart } = await borrowTarget();
    expect(await connection.identify(ctx('r1'))).toEqual({ system: 'one' });
    await connection.create(await connection.propose(null, ctx('r1')), ctx('r1'));

    await restart();

    expect(await connection.identify(ctx('r1'))).toEqual({ system: 'one' });
  });

  test('is told with the command that gives one, where there is none', async () => {
    const { connection, ctx, person, port } = await borrowTarget(await borrowServer({ accounts: [] }));
    const error: unknown = await connection
      .identify(ctx('r1', { step: 'preflight' }))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'PREFLIGHT_FAILED',
      facts: { finding: `127.0.0.1:${port} does not carry an identifier` },
    });
    // Later it means that the address leads elsewhere.
    await expect(connection.identify(ctx('r1', { step: 'drain' }))).rejects.toMatchObject({ code: 'TARGET_CHANGED' });

    const [command = ''] = (error as { facts: { cure: string } }).facts.cure.split(',');
    const [word = '', ...words] = command.split(' ');
    await person.call(word, ...words);

    const { system } = await connection.identify(ctx('r1', { step: 'preflight' }));
    expect(command).toBe(`ACL SETUSER keyturn-system-${system} off`);
  });

  test('that is another one at another endpoint is refused', async () => {
    const first = await borrowTarget();
    const second = await borrowServer({ accounts: ['user keyturn-system-two off'] });
    const { username, password } = first.configure().admin;
    await second.person.call('ACL', 'SETUSER', username, 'on', 'nopass', '+@all');
    const endpoints = [first.port, second.port].map((port) => ({ host: '127.0.0.1', port }));
    const connection = first.open({ endpoints, admin: { username, password } });
    const finding = `127.0.0.1:${second.port} does not carry the identifier one`;

    await expect(connection.identify(first.ctx('r1', { step: 'preflight' }))).rejects.toMatchObject({
      code: 'PREFLIGHT_FAILED',
      facts: { finding },
    });
    await expect(connection.identify(first.ctx('r1', { step: 'watch' }))).rejects.toMatchObject({
      code: 'TARGET_CHANGED',
      facts: { finding },
    });
  });
});
