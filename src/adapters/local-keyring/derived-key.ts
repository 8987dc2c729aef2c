import { type KeyObject, createHmac, hkdfSync } from 'node:crypto';
import { lengthPrefixed } from '../../core/length-prefixed.js';

/** 32 bytes that HKDF derives for this purpose alone. The caller overwrites them. */
export function deriveKey(from: KeyObject, purpose: readonly string[]): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', from, new Uint8Array(0), lengthPrefixed(purpose), 32));
}

/** HMAC-SHA-256 under a key derived for this purpose alone. */
export function keyedHash(from: KeyObject, purpose: readonly string[], bytes: Uint8Array): Buffer {
  const key = deriveKey(from, purpose);
  try {
    return createHmac('sha256', key).update(bytes).digest();
  } finally {
    key.fill(0);
  }
}
