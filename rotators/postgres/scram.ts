import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { type Secret, openSecret } from 'keyturn/rotator';

const derive = promisify(pbkdf2);

/**
 * What the server keeps of a password (RFC 5803): `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>`.
 *
 * Only this travels in SQL; the password itself does not, so no log, statistics view or pooler can show it. The key is
 * derived off the event loop.
 */
export async function scramVerifier(password: Secret, iterations: number): Promise<string> {
  const prepared = prepare(openSecret(password));
  const salt = randomBytes(16);
  const salted = await derive(prepared, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  for (const bytes of [prepared, salted, clientKey]) bytes.fill(0);
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

/**
 * SASLprep as server and clients do it before they derive a key. ASCII is left as it is and never becomes a string;
 * other values are adopted ones, which we did not generate.
 */
function prepare(bytes: Uint8Array): Buffer {
  if (bytes.every((byte) => byte < 0x80)) return Buffer.from(bytes);
  const nonAsciiSpace = /[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/gu;
  const mappedToNothing = /\u00AD|\u034F|\u1806|[\u180B-\u180D]|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/gu;
  const text = new TextDecoder().decode(bytes);
  return Buffer.from(text.replace(nonAsciiSpace, ' ').replace(mappedToNothing, '').normalize('NFKC'));
}
