import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** What AES-256-GCM gives: a nonce of 12 bytes, a tag of 16, and as many bytes as went in. */
export interface Encrypted {
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/** Encrypts under a random nonce and authenticates the context with it. */
export function encrypt(key: Uint8Array, plaintext: Uint8Array, context: Uint8Array): Encrypted {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(context);
  // GCM is a stream: `update` gives everything, `final` nothing.
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return { nonce, ciphertext, tag: cipher.getAuthTag() };
}

/** *Returns* undefined for another key, another context, or a changed byte; what was decrypted until then is wiped. */
export function decrypt(
  key: Uint8Array,
  context: Uint8Array,
  { nonce, ciphertext, tag }: Encrypted,
): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  decipher.setAAD(context);
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}
