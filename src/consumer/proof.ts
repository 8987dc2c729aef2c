import { createHmac, hkdfSync } from 'node:crypto';

/** What a proof is made over. */
export interface ChallengeProof {
  readonly phase: string;
  readonly nonce: string;
  readonly environment: string;
  readonly secret: string;
  readonly rotation: string;
  readonly version: number;
  /** Names this process among those of the application: letters, digits and `_ . : @ / -`, at most 128. */
  readonly instance: string;
}

/**
 * Proves that this process holds a credential, without telling it: HMAC-SHA-256, in Base64url without padding, under
 * HKDF-SHA-256(value, no salt, `keyturn-proof-v1`), over the fields of the challenge and the instance, each with its
 * length in UTF-8 bytes before it (four bytes, highest first).
 *
 * `value` is the credential's value alone (the password), not the JSON document that holds it. It must have been
 * generated with at least 128 bits: a proof lets others try out guesses of anything weaker.
 */
export function createProof(value: string | Uint8Array, challenge: ChallengeProof): string {
  const key = new Uint8Array(hkdfSync('sha256', value, new Uint8Array(0), 'keyturn-proof-v1', 32));
  const { phase, nonce, environment, secret, rotation, version, instance } = challenge;
  const hmac = createHmac('sha256', key);
  for (const part of [phase, nonce, environment, secret, rotation, String(version), instance]) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  key.fill(0);
  return hmac.digest('base64url');
}
