import { type KeyObject, createSecretKey, randomBytes } from 'node:crypto';
import { keyturnError } from '../../core/errors.js';
import type { SealContext } from '../../ports/keyring.js';
import type { SealingKey } from './sealing-key.js';

/** What the digest key of an installation is sealed under. It belongs to no environment. */
export const digestKeyContext: SealContext = {
  environment: 'keyturn',
  secret: 'keyturn:digest-key',
  rotation: 'keyring',
  slot: 'digest-key',
};

/** A digest key for an installation that has none. */
export function newDigestKey(): KeyObject {
  const bytes = randomBytes(32);
  try {
    return createSecretKey(bytes);
  } finally {
    bytes.fill(0);
  }
}

/** Seals it, to be kept in the database. *Errors* those of {@link SealingKey.seal}. */
export async function sealDigestKey(by: SealingKey, digestKey: KeyObject): Promise<Uint8Array> {
  const bytes = digestKey.export();
  try {
    return await by.seal(bytes, digestKeyContext);
  } finally {
    bytes.fill(0);
  }
}

/** Opens it by whichever of the keys has sealed it. *Errors* those of `Keyring.open`. */
export async function openDigestKey(keys: readonly SealingKey[], sealed: Uint8Array): Promise<KeyObject> {
  const bytes = await openByMark(keys, sealed, digestKeyContext);
  try {
    return createSecretKey(bytes);
  } finally {
    bytes.fill(0);
  }
}

/** Opens by the key whose mark the bytes carry. *Errors* those of `Keyring.open`. */
export async function openByMark(
  keys: readonly SealingKey[],
  sealed: Uint8Array,
  context: SealContext,
): Promise<Uint8Array> {
  const marked = Buffer.from(sealed.subarray(2, 10));
  const value = await keys.find(({ mark }) => marked.equals(mark))?.open(sealed, context);
  if (value === undefined) throw keyturnError('KEYRING_DENIED', { secret: context.secret });
  return value;
}
