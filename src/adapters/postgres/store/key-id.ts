import { keyturnError } from '../../../core/errors.js';
import type { Keyring } from '../../../ports/keyring.js';
import { type StorePool, ask, askOne } from './failure.js';

/**
 * Writes down at the first start which master key this database is sealed with, and compares it ever after.
 *
 * `keyFile` is named in the error. *Repeat*: harmless; of two first starts at once with different keys one is refused.
 * *Errors* `KEY_WRONG`, `DATABASE_UNMIGRATED`, `STORE_UNAVAILABLE`.
 */
export async function checkKeyId(pool: StorePool, keyring: Pick<Keyring, 'keyId'>, keyFile: string): Promise<void> {
  await ask(pool, 'INSERT INTO keyturn.keyring (key_id) VALUES ($1) ON CONFLICT DO NOTHING', [keyring.keyId]);
  // A statement of its own, which sees the row that another first start has just committed.
  const { key_id } = await askOne<{ readonly key_id: string }>(pool, 'SELECT key_id FROM keyturn.keyring', []);
  if (key_id !== keyring.keyId) throw keyturnError('KEY_WRONG', { file: keyFile });
}
