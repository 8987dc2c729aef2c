import { timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { keyturnError } from '../../core/errors.js';
import { type Secret, openSecret } from '../../core/secret.js';

/**
 * Signing keys by {@link keyName}. Each is `whsec_` and the Base64 of 24 to 64 bytes. One that is rotated is asked for
 * at every message, and there may be two of it meanwhile: the receiver takes either signature.
 */
export type SigningKeys = ReadonlyMap<string, Secret | (() => Promise<readonly Secret[]>)>;

/**
 * Under which name a key stands, of an endpoint of an environment or of a consumer of a secret (`environment:/path`): names
 * repeat over environments and secrets, keys must not.
 */
export function keyName(of: string, name: string): string {
  return `${of}:${name}`;
}

/** What is signed: the id, the time and the body, to the byte. */
export interface Message {
  readonly id: string;
  /** Milliseconds since 1970, by the database: receivers turn away what is five minutes off. */
  readonly atMs: number;
  readonly body: string;
}

/** The headers of a message, or `undefined` where this name has no key. */
export type Sign = (name: string, message: Message) => Promise<Readonly<Record<string, string>> | undefined>;

/**
 * Signs as Standard Webhooks 1.0 says (https://www.standardwebhooks.com): `v1`, HMAC-SHA-256 of `id.timestamp.body`.
 *
 * *Errors* `SETTING_INVALID` for a key that is none, at once unless it is rotated; the key is not quoted.
 */
export function signer(keys: SigningKeys): Sign {
  const webhooksOf = webhooksIn(keys);
  return async (name, { id, atMs, body }) => {
    const webhooks = await webhooksOf(name);
    if (webhooks.length === 0) return undefined;
    const at = new Date(Math.floor(atMs / 1000) * 1000);
    return {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(at.getTime() / 1000),
      'webhook-signature': webhooks.map((webhook) => webhook.sign(id, at, body)).join(' '),
    };
  };
}

/** A message as it came. */
export interface Signed {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** To the byte. */
  readonly body: string;
  /** Milliseconds since 1970, by the database. */
  readonly nowMs: number;
}

/** Whether a message was signed with a key of this name; `keyless`: it has none. */
export type Verify = (name: string, message: Signed) => Promise<'signed' | 'unsigned' | 'keyless'>;

/** How far off the time of a signature may be. Seconds. */
const TOLERANCE_S = 300;

/**
 * Tells who has signed, as Standard Webhooks 1.0 says; while a key is rotated any of its values is good. Not by the
 * library: it goes by the clock of this machine. *Errors* those of {@link signer}.
 */
export function verifier(keys: SigningKeys): Verify {
  const webhooksOf = webhooksIn(keys);
  return async (name, { headers, body, nowMs }) => {
    const webhooks = await webhooksOf(name);
    if (webhooks.length === 0) return 'keyless';
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures } = headers;
    if (typeof id !== 'string' || typeof time !== 'string' || typeof signatures !== 'string') return 'unsigned';
    const atS = /^\d{1,12}$/.test(time) ? Number(time) : Number.NaN;
    if (!(Math.abs(nowMs / 1000 - atS) <= TOLERANCE_S)) return 'unsigned';
    const expected = webhooks.map((webhook) => webhook.sign(id, new Date(atS * 1000), body));
    const given = signatures.split(' ');
    return expected.some((one) => given.some((other) => isEqual(one, other))) ? 'signed' : 'unsigned';
  };
}

function isEqual(expected: string, given: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** What signs for a name; empty: it has no key. */
function webhooksIn(keys: SigningKeys): (name: string) => Promise<readonly Webhook[]> {
  const webhookOf = (name: string, key: Secret): Webhook => new Webhook(keyBytes(name, key), { format: 'raw' });
  const fixed = new Map<string, readonly Webhook[]>();
  for (const [name, key] of keys) if (typeof key !== 'function') fixed.set(name, [webhookOf(name, key)]);
  return async (name) => {
    const key = keys.get(name);
    if (typeof key !== 'function') return fixed.get(name) ?? [];
    return (await key()).map((each) => webhookOf(name, each));
  };
}

const PREFIX = Buffer.from('whsec_');

function keyBytes(name: string, key: Secret): Uint8Array {
  const text = Buffer.from(openSecret(key));
  const bytes = text.subarray(0, PREFIX.length).equals(PREFIX) ? decodeBase64(text.subarray(PREFIX.length)) : undefined;
  text.fill(0);
  if (bytes !== undefined && bytes.length >= 24 && bytes.length <= 64) return bytes;
  throw keyturnError('SETTING_INVALID', {
    setting: `the signing key of ${name}`,
    finding: 'it is not whsec_ and the Base64 of 24 to 64 bytes',
    cure: 'Make one with: echo "whsec_$(openssl rand -base64 32)"',
  });
}

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** By hand, because the library's way leads through a string. *Returns* undefined for what is not padded Base64. */
function decodeBase64(text: Uint8Array): Uint8Array | undefined {
  if (text.length === 0 || text.length % 4 !== 0) return undefined;
  const padding = text.at(-1) !== 0x3d ? 0 : text.at(-2) !== 0x3d ? 1 : 2;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let buffer = 0;
  let at = 0;
  for (const [index, character] of text.subarray(0, text.length - padding).entries()) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    buffer = ((buffer << 6) | value) & 0xffffff;
    // After the n-th character there are 6n bits, of which whole bytes are taken out.
    if (index % 4 !== 0) {
      bytes[at] = (buffer >> (6 - 2 * (index % 4))) & 0xff;
      at += 1;
    }
  }
  return bytes;
}
