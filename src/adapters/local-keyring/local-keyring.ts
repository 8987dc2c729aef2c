import { type KeyObject, createHmac, hkdfSync } from 'node:crypto';
import { keyturnError } from '../../core/errors.js';
import { lengthPrefixed } from '../../core/length-prefixed.js';
import { Secret, openSecret } from '../../core/secret.js';
import type { Keyring, SealContext } from '../../ports/keyring.js';
import { openEnvelope, sealEnvelope } from './envelope.js';
import { readKeyFile } from './key-file.js';

/**
 * The keyring whose master key is a file on this machine.
 *
 * *Errors* `KEY_FILE_MISSING`, `KEY_FILE_EXPOSED`, `KEY_FILE_INVALID`; see {@link readKeyFile}. Whether it is the key
 * that a database was sealed with is asked by `checkKeyId` of the PostgreSQL store.
 */
export async function localKeyring(keyFile: string): Promise<Keyring> {
  return new LocalKeyring(await readKeyFile(keyFile));
}

class LocalKeyring implements Keyring {
  readonly #master: KeyObject;
  readonly #keyIdBytes: Uint8Array;
  readonly keyId: string;

  constructor(master: KeyObject) {
    this.#master = master;
    this.#keyIdBytes = hmac(master, ['keyturn-key-id-v1'], new Uint8Array(0)).subarray(0, 8);
    this.keyId = Buffer.from(this.#keyIdBytes).toString('hex');
  }

  async seal(value: Secret, context: SealContext): Promise<Uint8Array> {
    return sealEnvelope(this.#master, this.#keyIdBytes, openSecret(value), context);
  }

  async open(sealed: Uint8Array, context: SealContext): Promise<Secret> {
    const value = openEnvelope(this.#master, this.#keyIdBytes, sealed, context);
    if (value === undefined) throw keyturnError('KEYRING_DENIED', { secret: context.secret });
    return new Secret(value);
  }

  digest(value: Secret, { environment, secret }: { readonly environment: string; readonly secret: string }): string {
    const digest = hmac(this.#master, ['keyturn-digest-v1', environment, secret], openSecret(value));
    return digest.toString('hex').slice(0, 32);
  }
}

/** HMAC-SHA-256 under a key that HKDF derives for this purpose alone. */
function hmac(master: KeyObject, purpose: readonly string[], data: Uint8Array): Buffer {
  const key = new Uint8Array(hkdfSync('sha256', master, new Uint8Array(0), lengthPrefixed(purpose), 32));
  try {
    return createHmac('sha256', key).update(data).digest();
  } finally {
    key.fill(0);
  }
}
