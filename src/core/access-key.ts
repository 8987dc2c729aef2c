import { Secret } from './secret.js';

/** The two halves of a key that signs requests to the store, in the form that tools of AWS expect. */
export interface NewKey {
  /** Public: `AKKT` and sixteen letters or digits. */
  readonly keyId: string;
  /** Forty characters, 240 bits. */
  readonly secret: Secret;
}

const idLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const secretLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** How many random bytes a key is made of. */
export const keyBytes = 56;

/** Makes a key of at least {@link keyBytes} random bytes, which are overwritten. */
export function newAccessKey(random: Uint8Array): NewKey {
  let keyId = 'AKKT';
  for (const byte of random.subarray(0, 16)) keyId += idLetters[byte & 31] ?? '';
  const secret = Uint8Array.from(random.subarray(16, keyBytes), (byte) => secretLetters.charCodeAt(byte & 63));
  random.fill(0);
  return { keyId, secret: new Secret(secret) };
}
