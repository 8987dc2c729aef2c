import { lengthPrefixed } from '../../core/length-prefixed.js';
import type { DataKey, SealContext } from '../../ports/keyring.js';
import { decrypt, encrypt } from './aead.js';

/*
 * A value sealed under the key of a service, in bytes:
 *
 *    0   1  format: 2
 *    1   1  algorithm: 1 = AES-256-GCM for the value; its data key is wrapped by the service
 *    2   8  mark of the master key
 *   10   2  length n of the wrapped data key, the higher byte first
 *   12   n  wrapped data key, as the service gave it
 *  12+n  12  nonce of the value
 *  24+n  16  tag of the value
 *  40+n   …  the value, encrypted
 *
 * The service authenticates the SealContext with the data key. The encryption of the value authenticates the same again,
 * each part with its length before it, and with it everything that stands before the nonce.
 */
const FORMAT = 2;
const AES_256_GCM = 1;
const MARK_BYTES = 8;
const LENGTH_AT = 10;
const WRAPPED_AT = 12;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Puts together what a data key has sealed. The caller overwrites the data key. `mark` is eight bytes. */
export function sealUnderDataKey(
  { key, wrapped }: DataKey,
  mark: Uint8Array,
  value: Uint8Array,
  context: SealContext,
): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrapped.length);
  const header = Buffer.concat([Buffer.of(FORMAT, AES_256_GCM), mark, length, wrapped]);
  const { nonce, tag, ciphertext } = encrypt(key, value, aad(header, context));
  return Buffer.concat([header, nonce, tag, ciphertext]);
}

/** *Returns* undefined where these bytes cannot be of this master key: nothing needs to be asked of the service then. */
export function wrappedKeyIn(sealed: Uint8Array, mark: Uint8Array): Uint8Array | undefined {
  if (sealed.length < WRAPPED_AT || sealed[0] !== FORMAT || sealed[1] !== AES_256_GCM) return undefined;
  if (!Buffer.from(mark).equals(sealed.subarray(2, 2 + MARK_BYTES))) return undefined;
  const end = endOfWrapped(sealed);
  return sealed.length < end + NONCE_BYTES + TAG_BYTES ? undefined : sealed.subarray(WRAPPED_AT, end);
}

/** *Returns* undefined for another data key, another context, or a changed, missing or added byte. */
export function openUnderDataKey(key: Uint8Array, sealed: Uint8Array, context: SealContext): Uint8Array | undefined {
  const nonceAt = endOfWrapped(sealed);
  const tagAt = nonceAt + NONCE_BYTES;
  const valueAt = tagAt + TAG_BYTES;
  return decrypt(key, aad(sealed.subarray(0, nonceAt), context), {
    nonce: sealed.subarray(nonceAt, tagAt),
    tag: sealed.subarray(tagAt, valueAt),
    ciphertext: sealed.subarray(valueAt),
  });
}

function endOfWrapped(sealed: Uint8Array): number {
  return WRAPPED_AT + ((sealed[LENGTH_AT] ?? 0) << 8) + (sealed[LENGTH_AT + 1] ?? 0);
}

function aad(header: Uint8Array, { environment, secret, rotation, slot }: SealContext): Uint8Array {
  const bound = [Buffer.from(header).toString('hex'), environment, secret, rotation, slot];
  return lengthPrefixed(['keyturn-seal-v2-value', ...bound]);
}
