import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { createKeyFile } from '../../../src/adapters/local-keyring/key-file.js';
import { localKeyring } from '../../../src/adapters/local-keyring/local-keyring.js';
import { Secret, openSecret, sameSecret } from '../../../src/core/secret.js';
import type { Keyring, SealContext } from '../../../src/ports/keyring.js';

const context: SealContext = { environment: 'prod', secret: 'prod:/billing/db', rotation: 'r1', slot: 'new' };

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

test('a sealed value opens under its context, in another process of the same key file', async () => {
  const file = join(await freshFolder(), 'master.key');
  await createKeyFile(file);
  const value = new Secret(randomBytes(40));

  const sealed = await (await localKeyring(file)).seal(value, context);

  expect(sameSecret(await (await localKeyring(file)).open(sealed, context), value)).toBe(true);
});

test('any value, empty ones too, comes back from any context', async () => {
  const keyring = await freshKeyring();
  const contexts = fc.record({
    environment: fc.string(),
    secret: fc.string(),
    rotation: fc.string(),
    slot: fc.string(),
  });

  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), contexts, async (bytes, where) => {
      const opened = await keyring.open(await keyring.seal(new Secret(bytes), where), where);

      expect(Buffer.from(openSecret(opened)).equals(bytes)).toBe(true);
    }),
    { numRuns: 300 },
  );
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

test('any flipped, missing or added byte of any envelope is refused', async () => {
  const keyring = await freshKeyring();

  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), fc.nat(), fc.nat(7), async (bytes, place, bit) => {
      const sealed = await keyring.seal(new Secret(bytes), context);
      const flipped = Uint8Array.from(sealed);
      flipped[place % sealed.length]! ^= 1 << bit;

      await expect(keyring.open(flipped, context)).rejects.toMatchObject(denied);
      await expect(keyring.open(sealed.subarray(0, place % sealed.length), context)).rejects.toMatchObject(denied);
      await expect(keyring.open(Buffer.concat([sealed, Buffer.of(bit)]), context)).rejects.toMatchObject(denied);
    }),
    { numRuns: 300 },
  );
});

test('any other context is refused, one bit of one field being enough', async () => {
  const keyring = await freshKeyring();
  const fields = ['environment', 'secret', 'rotation', 'slot'] as const;
  const text = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
  });

  await fc.assert(
    fc.asyncProperty(
      fc.record({ environment: text, secret: text, rotation: text, slot: text }),
      fc.constantFrom(...fields),
      fc.nat(),
      fc.nat(6),
      async (where, field, place, bit) => {
        const sealed = await keyring.seal(Secret.fromText('correct horse battery'), where);
        const bytes = Buffer.from(where[field]);
        bytes[place % bytes.length]! ^= 1 << bit;

        await expect(keyring.open(sealed, { ...where, [field]: bytes.toString('latin1') })).rejects.toMatchObject(
          denied,
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('moving a character from one field of the context to the next is refused', async () => {
  const keyring = await freshKeyring();
  const sealed = await keyring.seal(Secret.fromText('correct horse battery'), {
    ...context,
    rotation: 'ab',
    slot: 'c',
  });

  await expect(keyring.open(sealed, { ...context, rotation: 'a', slot: 'bc' })).rejects.toMatchObject(denied);
});

test('the parts of two envelopes of one context cannot be mixed', async () => {
  const keyring = await freshKeyring();
  const one = await keyring.seal(Secret.fromText('correct horse battery'), context);
  const two = await keyring.seal(Secret.fromText('correct horse battery'), context);

  await expect(keyring.open(Buffer.concat([one.subarray(0, 70), two.subarray(70)]), context)).rejects.toMatchObject(
    denied,
  );
});

test('no two seals of a value share a byte run that would tell they are equal', async () => {
  const keyring = await freshKeyring();
  const one = Buffer.from(await keyring.seal(Secret.fromText('correct horse battery'), context)).subarray(10);
  const two = Buffer.from(await keyring.seal(Secret.fromText('correct horse battery'), context)).subarray(10);

  for (let start = 0; start + 8 <= one.length; start += 1) {
    expect(two.includes(one.subarray(start, start + 8))).toBe(false);
  }
});

test('another master key opens nothing and has another id', async () => {
  const [ours, theirs] = [await freshKeyring(), await freshKeyring()];
  const sealed = await ours.seal(Secret.fromText('correct horse battery'), context);

  await expect(theirs.open(sealed, context)).rejects.toMatchObject(denied);
  expect(theirs.keyId).not.toBe(ours.keyId);
  expect(ours.keyId).toMatch(/^[0-9a-f]{16}$/);
});

test('a digest is equal for equal values of one secret only', async () => {
  const keyring = await freshKeyring();
  const value = (): Secret => Secret.fromText('correct horse battery');
  const digest = keyring.digest(value(), context);

  expect(digest).toMatch(/^[0-9a-f]{32}$/);
  expect(keyring.digest(value(), context)).toBe(digest);
  expect(keyring.digest(Secret.fromText('correct horse batterz'), context)).not.toBe(digest);
  expect(keyring.digest(value(), { ...context, secret: 'prod:/billing/other' })).not.toBe(digest);
  expect(keyring.digest(value(), { ...context, environment: 'test' })).not.toBe(digest);
  expect((await freshKeyring()).digest(value(), context)).not.toBe(digest);
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
