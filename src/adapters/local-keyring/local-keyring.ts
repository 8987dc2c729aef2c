import type { KeyObject } from 'node:crypto';
import { Secret, openSecret } from '../../core/secret.js';
import type { Keyring } from '../../ports/keyring.js';
import { keyedHash } from './derived-key.js';
import { openByMark } from './digest-key.js';
import { type SealingKey, fileKey } from './sealing-key.js';

/**
 * The keyring whose master key is a file on this machine, for a database that was never moved to another master key.
 *
 * *Errors* those of {@link fileKey}. Whether it is the key that a database was sealed with is asked by `checkKeyId` of the
 * PostgreSQL store.
 */
export async function localKeyring(keyFile: string): Promise<Keyring> {
  const key = await fileKey(keyFile);
  return keyringOf([key], key.digestKey);
}

/** Seals under the first of these keys, opens what any of them has sealed, and makes digests under the digest key. */
export function keyringOf(keys: readonly [SealingKey, ...SealingKey[]], digestKey: KeyObject): Keyring {
  const [first] = keys;
  return {
    keyId: first.keyId,
    seal: (value, context) => first.seal(openSecret(value), context),
    open: async (sealed, context) => new Secret(await openByMark(keys, sealed, context)),
    digest: (value, { environment, secret }) =>
      keyedHash(digestKey, ['keyturn-digest-v1', environment, secret], openSecret(value)).toString('hex').slice(0, 32),
  };
}
