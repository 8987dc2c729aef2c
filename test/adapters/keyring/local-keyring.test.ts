import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { createKeyFile } from '../../../src/adapters/local-keyring/key-file.js';
import { localKeyring } from '../../../src/adapters/local-keyring/local-keyring.js';
import { Secret, sameSecret } from '../../../src/core/secret.js';
import type { Keyring } from '../../../src/ports/keyring.js';
import { context, keyringCases } from './keyring-cases.js';

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-keyring-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function freshKeyring(): Promise<Keyring> {
  const file = join(await freshFolder(), 'master.key');
  await createKeyFile(file);
  return localKeyring(file);
}

async function keyFileOf(text: string | Buffer, mode = 0o600): Promise<string> {
  const file = join(await freshFolder(), 'master.key');
  await writeFile(file, text, { mode });
  return file;
}

const line = (): string => `keyturn-master-key v1 ${randomBytes(32).toString('hex')}\n`;
const denied = { code: 'KEYRING_DENIED' };

keyringCases('a keyring on a key file', { fresh: freshKeyring, runs: 300 });

test('a sealed value opens under its context, in another process of the same key file', async () => {
  const file = join(await freshFolder(), 'master.key');
  await createKeyFile(file);
  const value = new Secret(randomBytes(40));

  const sealed = await (await localKeyring(file)).seal(value, context);

  expect(sameSecret(await (await localKeyring(file)).open(sealed, context), value)).toBe(true);
});

test('every single flipped bit of an envelope is refused', async () => {
  const keyring = await freshKeyring();
  const sealed = await keyring.seal(new Secret(randomBytes(24)), context);

  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    await expect(keyring.open(changed, context), `bit ${bit}`).rejects.toMatchObject(denied);
  }
});

test('another master key opens nothing and has another id', async () => {
  const [ours, theirs] = [await freshKeyring(), await freshKeyring()];
  const sealed = await ours.seal(Secret.fromText('correct horse battery'), context);

  await expect(theirs.open(sealed, context)).rejects.toMatchObject(denied);
  expect(theirs.keyId).not.toBe(ours.keyId);
  expect(ours.keyId).toMatch(/^[0-9a-f]{16}$/);
});

test('a keyring prints nothing of its key', async () => {
  const file = join(await freshFolder(), 'master.key');
  await createKeyFile(file);
  const key = (await readFile(file, 'utf8')).trim().split(' ')[2]!;
  const printed =
    inspect(await localKeyring(file), { depth: null, showHidden: true }) + JSON.stringify(await localKeyring(file));

  for (const encoding of [
    key,
    Buffer.from(key, 'hex').toString('base64'),
    Buffer.from(key, 'hex').toString('latin1'),
  ]) {
    expect(printed).not.toContain(encoding);
  }
});

test('a new key file is one line that only its owner can read', async () => {
  const file = join(await freshFolder(), 'master.key');
  await createKeyFile(file);

  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).toMatch(/^keyturn-master-key v1 [0-9a-f]{64}\n$/);
});

test('a key file is never overwritten', async () => {
  const file = await keyFileOf(line());
  const before = await readFile(file, 'utf8');

  await expect(createKeyFile(file)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' });
  expect(await readFile(file, 'utf8')).toBe(before);
});

test('a missing key file is told apart', async () => {
  const folder = await freshFolder();

  await expect(localKeyring(join(folder, 'none.key'))).rejects.toMatchObject({ code: 'KEY_FILE_MISSING' });
  await expect(createKeyFile(join(folder, 'none', 'master.key'))).rejects.toMatchObject({ code: 'KEY_FILE_MISSING' });
});

test.each([0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o700, 0o610])(
  'a key file of mode %o is refused',
  async (mode) => {
    const file = await keyFileOf(line());
    await chmod(file, mode);

    await expect(localKeyring(file)).rejects.toMatchObject({
      code: 'KEY_FILE_EXPOSED',
      facts: { file, mode: `0${mode.toString(8)}` },
    });
  },
);

test('a key file stricter than 0600 is taken', async () => {
  const file = await keyFileOf(line());
  await chmod(file, 0o400);

  await expect(localKeyring(file)).resolves.toMatchObject({ keyId: expect.any(String) });
});

test('a link to a key file is judged by the file', async () => {
  const file = await keyFileOf(line(), 0o600);
  const link = join(await freshFolder(), 'link.key');
  await symlink(file, link);

  await expect(localKeyring(link)).resolves.toMatchObject({ keyId: expect.any(String) });
  await chmod(file, 0o644);
  await expect(localKeyring(link)).rejects.toMatchObject({ code: 'KEY_FILE_EXPOSED' });
});

// Only root can give a file away.
test.runIf(process.geteuid?.() === 0)('a key file of another user is refused', async () => {
  const file = await keyFileOf(line());
  await chown(file, 12345, 12345);

  await expect(localKeyring(file)).rejects.toMatchObject({
    code: 'KEY_FILE_EXPOSED',
    facts: { file, mode: '0600, owned by user 12345' },
  });
});

test.each([
  ['nothing', ''],
  ['another text', 'hello\n'],
  ['a later format', `keyturn-master-key v2 ${'a'.repeat(64)}\n`],
  ['a short key', `keyturn-master-key v1 ${'a'.repeat(62)}\n`],
  ['a long key', `keyturn-master-key v1 ${'a'.repeat(66)}\n`],
  ['a second line', `keyturn-master-key v1 ${'a'.repeat(64)}\n\n`],
  ['what is not hexadecimal', `keyturn-master-key v1 ${'g'.repeat(64)}\n`],
  ['capital digits', `keyturn-master-key v1 ${'A'.repeat(64)}\n`],
  ['a space before', ` keyturn-master-key v1 ${'a'.repeat(64)}\n`],
])('a key file that holds %s is refused', async (_, text) => {
  const file = await keyFileOf(text);

  await expect(localKeyring(file)).rejects.toMatchObject({
    code: 'KEY_FILE_INVALID',
    facts: { file },
  });
});

test('a folder is no key file', async () => {
  const folder = join(await freshFolder(), 'folder');
  await mkdir(folder, { mode: 0o600 });

  await expect(localKeyring(folder)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' });
});
