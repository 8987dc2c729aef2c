import { randomBytes } from 'node:crypto';
import { Secret } from 'keyturn/rotator';

/** ASCII only: a verifier computed without SASLprep locks everybody out where a character has two forms. */
const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789');

/** The largest multiple of the alphabet's size that fits a byte: bytes above it would favour the first characters. */
const fairBytes = Math.floor(256 / alphabet.length) * alphabet.length;

/** Generates a password, each character equally likely. */
export function generatePassword(length: number): Secret {
  const password = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const random = randomBytes(2 * (length - filled));
    for (const byte of random) {
      if (byte >= fairBytes || filled === length) continue;
      password[filled] = alphabet[byte % alphabet.length] as number; // Within the alphabet by the remainder.
      filled += 1;
    }
    random.fill(0);
  }
  return new Secret(password);
}
