import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Credential, Secret, openSecret } from 'keyturn/rotator';

const digestOf = (salt: Uint8Array, token: string | Uint8Array): string =>
  createHash('sha256').update(salt).update(token).digest('base64');

/** Writes an entry that no rotation has made, as a person would for an application. */
export async function writeByHand(folder: string, secret: string): Promise<Credential> {
  const [token, salt] = [randomBytes(24).toString('base64url'), randomBytes(16)];
  const entry = { secret, rotation: null, state: 'on', salt: salt.toString('base64'), digest: digestOf(salt, token) };
  await writeFile(join(folder, 'by-hand.json'), JSON.stringify(entry));
  return { identity: 'by-hand', value: Secret.fromText(token) };
}

/** Checks a token as whoever reads the folder does. */
export async function isLetIn(folder: string, { identity, value }: Credential): Promise<boolean> {
  const text = await readFile(join(folder, `${identity}.json`), 'utf8').catch(() => '{}');
  const { state, salt = '', digest } = JSON.parse(text) as Readonly<Record<string, string>>;
  return state === 'on' && digest === digestOf(Buffer.from(salt, 'base64'), openSecret(value));
}
