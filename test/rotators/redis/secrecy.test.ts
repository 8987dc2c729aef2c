import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Secret, openSecret } from 'keyturn/rotator';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { cert, key } from '../../support/localhost-certificate.js';
import { findFreePort } from '../../support/redis.js';
import { borrowServer, borrowTarget, describeWithProgram, withFile } from './borrowed.js';

/** The value in every form in which it might turn up. */
function formsOf(value: Secret): readonly string[] {
  const bytes = Buffer.from(openSecret(value));
  return [bytes.toString(), bytes.toString('base64'), bytes.toString('hex'), encodeURIComponent(bytes.toString())];
}

const found = (text: string, values: readonly Secret[]): number =>
  values.flatMap(formsOf).filter((form) => text.includes(form)).length;

describeWithProgram('a value', () => {
  test('is in no file, log or view of the server', async () => {
    const { connection, ctx, person, folder, logIn } = await borrowTarget();
    await person.config('SET', 'slowlog-log-slower-than', '0');
    await person.config('SET', 'loglevel', 'debug');
    const monitor = await person.monitor();
    onTestFinished(() => monitor.disconnect());
    const watched: string[] = [];
    monitor.on('monitor', (_time: string, words: readonly string[]) => watched.push(words.join(' ')));
    const values: Secret[] = [];
    for (const rotationId of ['r1', 'r2']) {
      const { identity, value } = await connection.propose(null, ctx(rotationId));
      values.push(value!);
      await connection.create({ identity, value: value! }, ctx(rotationId));
      await connection.verify({ identity, value: value! }, ctx(rotationId));
    }
    await connection.disable('app-r1', ctx('r2'));
    expect(await connection.probe({ identity: 'app-r1', value: values[0]! }, ctx('r2'))).toMatchObject([
      { answer: 'refused' },
    ]);
    await connection.destroy('app-r1', { createdBy: 'r1' }, ctx('r2'));
    const client = await logIn('app-r2', values[1]!);
    await client.set('app:planted', 'planted-and-seen');
    await eventually('the monitor sees what was planted', () => watched.some((line) => /planted-and-seen/.test(line)));

    const views = [await person.slowlog('GET', '-1'), await person.call('ACL', 'LOG'), await person.client('LIST')];
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files.filter((file) => file.isFile()).map(async (file) => readFile(join(file.parentPath, file.name), 'latin1')),
    );
    const all = [...texts, ...watched, inspect(views, { depth: Infinity, maxArrayLength: null })].join('\n');
    expect(texts.some((text) => text.includes('app-r2'))).toBe(true);
    expect(all).toContain('planted-and-seen');
    expect(found(all, values)).toBe(0);
  });

  test('is in no error, whatever the driver hangs onto its own', async () => {
    const { connection, open, ctx, person, configure } = await borrowTarget();
    const { identity, value } = await connection.propose(null, ctx('r1'));
    await person.call('ACL', 'SETUSER', 'keyturn_admin', '-acl|setuser');
    const wrong = Secret.fromText('a-wrong-password-of-the-admin');
    const errors = [
      await connection.create({ identity, value: value! }, ctx('r1')).catch((error: unknown) => error),
      await open({ admin: { username: 'keyturn_admin', password: wrong } })
        .list(ctx('r1'))
        .catch((error: unknown) => error),
      await connection.probe({ identity, value: wrong }, ctx('r1')),
    ];

    expect(errors).toMatchObject([{ code: 'PRIVILEGE_MISSING' }, { code: 'ADMIN_REFUSED' }, [{ answer: 'absent' }]]);
    const shown = inspect([errors, connection, configure()], { depth: Infinity, showHidden: true, getters: true });
    expect(found(shown, [value!, wrong, configure().admin.password])).toBe(0);
    // Nor is the digest of it, which the command holds.
    expect(shown).not.toMatch(/#[0-9a-f]{64}/);
  });
});

describeWithProgram('by TLS', () => {
  async function borrowTls() {
    const tlsPort = await findFreePort();
    const server = await borrowServer({
      files: { cert, key },
      settings: (folder) => [
        ...[...withFile(folder), '--tls-port', String(tlsPort), '--tls-auth-clients', 'no'],
        ...['--tls-cert-file', join(folder, 'cert'), '--tls-key-file', join(folder, 'key')],
      ],
    });
    return { ...(await borrowTarget(server)), tlsPort };
  }

  test('a server that proves its name is spoken to, and no other', async () => {
    const { open, ctx, tlsPort } = await borrowTls();
    const at = (endpoint: object) => open({ endpoints: [{ port: tlsPort, tls: 'verify-full', ...endpoint }] });
    const trusted = at({ host: 'localhost', ca: cert });
    const { identity, value } = await trusted.propose(null, ctx('r1'));
    await trusted.create({ identity, value: value! }, ctx('r1'));

    expect(await trusted.verify({ identity, value: value! }, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
    for (const stranger of [at({ host: 'localhost' }), at({ host: '127.0.0.1', ca: cert })]) {
      expect(await stranger.probe({ identity, value: value! }, ctx('r1'))).toMatchObject([
        { answer: 'unknown', reason: 'the server did not prove itself by TLS' },
      ]);
      await expect(stranger.list(ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_CHANGED', class: 'park' });
    }
  });

  test('a server without TLS is not spoken to in the clear instead', async () => {
    const { open, ctx, port, person } = await borrowTarget();
    const connection = open({ endpoints: [{ host: '127.0.0.1', port, tls: 'verify-full' }] });

    expect(await connection.probe({ identity: 'app-r1', value: Secret.fromText('any') }, ctx('r1'))).toMatchObject([
      { answer: 'unknown' },
    ]);
    await expect(connection.list(ctx('r1'))).rejects.toMatchObject({
      code: expect.stringMatching(/^TARGET_/) as string,
    });
    expect(await person.call('ACL', 'LOG')).toEqual([]);
  });
});
