import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { lengthPrefixed } from '../../core/length-prefixed.js';
import { type Secret, openSecret } from '../../core/secret.js';

/** What a proof is made over, with the instance that makes it. */
export interface Challenge {
  readonly phase: 'canary' | 'drain';
  /** Used once. */
  readonly nonce: string;
  readonly environment: string;
  /** `environment:/path`. */
  readonly secret: string;
  readonly rotation: string;
  readonly version: number;
}

/**
 * True where the proof was made by somebody who holds the credential's value: HMAC-SHA-256, in Base64url without
 * padding, under HKDF-SHA-256(value, no salt, `keyturn-proof-v1`), over the length-prefixed challenge and instance.
 *
 * `value` is the credential's value alone, in UTF-8, not the document it stands in: consumers may keep what they parsed.
 */
export function isProof(
  proof: string,
  value: Secret,
  { challenge, instance }: { readonly challenge: Challenge; readonly instance: string },
): boolean {
  const key = new Uint8Array(hkdfSync('sha256', openSecret(value), new Uint8Array(0), 'keyturn-proof-v1', 32));
  try {
    const { phase, nonce, environment, secret, rotation, version } = challenge;
    const expected = createHmac('sha256', key)
      .update(lengthPrefixed([phase, nonce, environment, secret, rotation, String(version), instance]))
      .digest('base64url');
    const [left, right] = [Buffer.from(expected), Buffer.from(proof)];
    return left.length === right.length && timingSafeEqual(left, right);
  } finally {
    key.fill(0);
  }
}
