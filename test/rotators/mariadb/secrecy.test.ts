import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Secret, openSecret } from 'keyturn/rotator';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { cert, certOfAnother, key, keyOfAnother } from '../../support/localhost-certificate.js';
import { startMariadb } from '../../support/mariadb.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

import { borrowTarget, describeWithMariadb } from './borrowed.js';

/** The value in every form in which it might turn up. */
function formsOf(value: Secret): readonly string[] {
  const bytes = Buffer.from(openSecret(value));
  return [bytes.toString(), bytes.toString('base64'), bytes.toString('hex'), encodeURIComponent(bytes.toString())];
}

const found = (text: string, values: readonly Secret[]): number =>
  values.flatMap(formsOf).filter((form) => text.includes(form)).length;

describeWithMariadb('a value', () => {
  test('is in no file, log or view of the server', async () => {
    const { connection, ctx, sql, server, logIn, name } = await borrowTarget();
    const values: Secret[] = [];
    for (const rotationId of ['r1', 'r2']) {
      const { identity, value } = await connection.propose(null, ctx(rotationId));
      values.push(value!);
      await connection.create({ identity, value: value! }, ctx(rotationId));
      await connection.verify({ identity, value: value! }, ctx(rotationId));
    }
    await connection.disable(`${name}-r1`, ctx('r2'));
    await connection.probe({ identity: `${name}-r1`, value: values[0]! }, ctx('r2'));
    await connection.destroy(`${name}-r1`, { createdBy: 'r1' }, ctx('r2'));
    // One that the server refuses, too.
    await sql(`DROP ROLE \`${name}_role\``);
    const { identity, value } = await connection.propose(null, ctx('r3'));
    values.push(value!);
    await connection.create({ identity, value: value! }, ctx('r3')).catch(() => {});
    const planted = `planted-${name}`;
    await (await logIn('root', '')).query(`SELECT '${planted}'`);

    const log = await eventually('the log holds what was planted', async () => {
      const text = await readFile(join(server.folder, 'general.log'), 'latin1');
      return text.includes(planted) ? text : undefined;
    });
    const files = await readdir(server.folder, { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files.filter((file) => file.isFile()).map(async (file) => readFile(join(file.parentPath, file.name), 'latin1')),
    );
    const statements = await sql('SELECT * FROM performance_schema.events_statements_summary_by_digest');
    const all = [log, ...texts, inspect(statements, { maxArrayLength: null, maxStringLength: null })].join('\n');
    expect(log).toContain('CREATE OR REPLACE USER');
    expect(found(all, values)).toBe(0);
  });

  test('is in no error, whatever the driver hangs onto its own', async () => {
    const { connection, open, ctx, name, sql, configure } = await borrowTarget();
    const { identity, value } = await connection.propose(null, ctx('r1'));
    await sql(`REVOKE CREATE USER ON *.* FROM '${name}_admin'`);
    const wrong = Secret.fromText('a-wrong-password-of-the-admin');
    const errors = [
      await connection.create({ identity, value: value! }, ctx('r1')).catch((error: unknown) => error),
      await open({ admin: { username: `${name}_admin`, password: wrong } })
        .list(ctx('r1'))
        .catch((error: unknown) => error),
      await connection.probe({ identity: `${name}_admin`, value: wrong }, ctx('r1')),
    ];

    expect(errors).toMatchObject([{ code: 'PRIVILEGE_MISSING' }, { code: 'ADMIN_REFUSED' }, [{ answer: 'refused' }]]);
    const shown = inspect([errors, connection, configure()], { depth: Infinity, showHidden: true, getters: true });
    expect(found(shown, [value!, wrong, configure().admin.password])).toBe(0);
    // Nor is the digest of it, which the statement holds.
    expect(shown).not.toMatch(/\*[0-9A-F]{40}/);
  });
});

describeWithMariadb('by TLS', () => {
  /** A server that proves itself by this certificate, and how to speak to it. */
  async function borrowTls(identity: { readonly cert: string; readonly key: string }) {
    const folder = await temporaryFolder();
    const files = Object.entries(identity);
    await Promise.all(files.map(async ([name, text]) => writeFile(join(folder, name), text)));
    const server = await startMariadb(files.map(([name]) => `--ssl-${name}=${join(folder, name)}`));
    onTestFinished(server.stop);
    const { open, ctx } = await borrowTarget(server);
    const at = (endpoint: object) => open({ endpoints: [{ port: server.port, tls: 'verify-full', ...endpoint }] });
    return { at, ctx };
  }

  const unproved = [{ answer: 'unknown', reason: 'the server did not prove itself by TLS' }];

  test('a server that proves its name is spoken to, and without its authority it is not', async () => {
    const { at, ctx } = await borrowTls({ cert, key });
    const trusted = at({ host: 'localhost', ca: cert });
    const { identity, value } = await trusted.propose(null, ctx('r1'));
    await trusted.create({ identity, value: value! }, ctx('r1'));

    expect(await trusted.verify({ identity, value: value! }, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
    const stranger = at({ host: 'localhost' });
    expect(await stranger.probe({ identity, value: value! }, ctx('r1'))).toMatchObject(unproved);
    await expect(stranger.list(ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_CHANGED', class: 'park' });
    // The driver would take any certificate for `localhost` there.
    expect(() => at({ host: '127.0.0.1', ca: cert })).toThrow('must be a host name where TLS is used');
  });

  test('a server with the certificate of another name is refused before a credential is sent', async () => {
    const { at, ctx } = await borrowTls({ cert: certOfAnother, key: keyOfAnother });
    const connection = at({ host: 'localhost', ca: certOfAnother });

    expect(await connection.probe({ identity: 'any', value: Secret.fromText('any') }, ctx('r1'))).toMatchObject(
      unproved,
    );
    await expect(connection.list(ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_CHANGED', class: 'park' });
  });

  test('a server without TLS is not spoken to in the clear instead', async () => {
    const { open, ctx, server } = await borrowTarget();
    const connection = open({ endpoints: [{ host: 'localhost', port: server.port, tls: 'verify-full' }] });

    expect(await connection.probe({ identity: 'any', value: Secret.fromText('any') }, ctx('r1'))).toMatchObject([
      { answer: 'unknown', reason: 'the server did not prove itself by TLS' },
    ]);
    await expect(connection.list(ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_CHANGED' });
  });
});
