import { type KeyObject, randomBytes } from 'node:crypto';
import { lengthPrefixed } from '../../core/length-prefixed.js';
import type { SealContext } from '../../ports/keyring.js';
import { decrypt, encrypt } from './aead.js';
import { deriveKey } from './derived-key.js';

/*
 * A value sealed under a key file, in bytes:
 *
 *    0   1  format: 1
 *    1   1  algorithm: 1 = AES-256-GCM for the value and for wrapping its data key
 *    2   8  key id
 *   10  12  nonce of the wrapping
 *   22  32  wrapped data key
 *   54  16  tag of the wrapping
 *   70  12  nonce of the value
 *   82  16  tag of the value
 *   98   …  the value, encrypted
 *
 * Both encryptions authenticate the same context: purpose, format, algorithm, key id and the SealContext, each with
 * its length before it. The wrapping key is derived per (environment, secret), so that random nonces, safe for 2^32
 * uses of one key (NIST SP 800-38D, 8.3), are counted per secret and not per master key.
 */
const FORMAT = 1;
const AES_256_GCM = 1;
const HEADER_BYTES = 98;
const KEY_ID_BYTES = 8;

const at = {
  keyId: 2,
  wrapNonce: 10,
  wrappedKey: 22,
  wrapTag: 54,
  valueNonce: 70,
  valueTag: 82,
} as const;

/** Seals a value under a data key of its own. `keyId` is eight bytes. */
export function sealEnvelope(
  master: KeyObject,
  keyId: Uint8Array,
  value: Uint8Array,
  context: SealContext,
): Uint8Array {
  const dataKey = randomBytes(32);
  const wrappingKey = wrappingKeyOf(master, context);
  try {
    const wrap = encrypt(wrappingKey, dataKey, aad('wrap', keyId, context));
    const body = encrypt(dataKey, value, aad('value', keyId, context));
    return Buffer.concat([
      Buffer.of(FORMAT, AES_256_GCM),
      keyId,
      wrap.nonce,
      wrap.ciphertext,
      wrap.tag,
      body.nonce,
      body.tag,
      body.ciphertext,
    ]);
  } finally {
    dataKey.fill(0);
    wrappingKey.fill(0);
  }
}

/** *Returns* undefined for another key, another context, or a changed, missing or added byte. */
export function openEnvelope(
  master: KeyObject,
  keyId: Uint8Array,
  sealed: Uint8Array,
  context: SealContext,
): Uint8Array | undefined {
  if (sealed.length < HEADER_BYTES || sealed[0] !== FORMAT || sealed[1] !== AES_256_GCM) return undefined;
  const part = (start: number, length: number): Uint8Array => sealed.subarray(start, start + length);
  if (!Buffer.from(keyId).equals(part(at.keyId, KEY_ID_BYTES))) return undefined;
  const wrappingKey = wrappingKeyOf(master, context);
  let dataKey: Uint8Array | undefined;
  try {
    dataKey = decrypt(wrappingKey, aad('wrap', keyId, context), {
      nonce: part(at.wrapNonce, 12),
      ciphertext: part(at.wrappedKey, 32),
      tag: part(at.wrapTag, 16),
    });
    if (dataKey === undefined) return undefined;
    return decrypt(dataKey, aad('value', keyId, context), {
      nonce: part(at.valueNonce, 12),
      ciphertext: sealed.subarray(HEADER_BYTES),
      tag: part(at.valueTag, 16),
    });
  } finally {
    dataKey?.fill(0);
    wrappingKey.fill(0);
  }
}

function wrappingKeyOf(master: KeyObject, { environment, secret }: SealContext): Uint8Array {
  return deriveKey(master, ['keyturn-wrap-v1', environment, secret]);
}

function aad(purpose: 'wrap' | 'value', keyId: Uint8Array, context: SealContext): Uint8Array {
  return lengthPrefixed([
    `keyturn-seal-v1-${purpose}`,
    String(FORMAT),
    String(AES_256_GCM),
    Buffer.from(keyId).toString('hex'),
    context.environment,
    context.secret,
    context.rotation,
    context.slot,
  ]);
}
