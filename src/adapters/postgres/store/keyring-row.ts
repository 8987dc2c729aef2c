import { keyturnError } from '../../../core/errors.js';
import { type StorePool, ask, askOne } from './failure.js';

/** Which master key the values of a database are sealed with. */
export interface KeyringRow {
  /** The `keyId` of its keyring. */
  readonly keyId: string;
  /** What digests are keyed by, sealed under that key; null: derived from the key itself. */
  readonly digestKey: Uint8Array | null;
  /** True where another master key was in its place before. */
  readonly isMoved: boolean;
}

/** The master keys that a configuration names. */
export interface KnownKeys {
  readonly keyIds: readonly string[];
  /** How a person calls them: named in the error. */
  readonly named: string;
  /** What is written at the first start. */
  readonly first: () => Promise<Pick<KeyringRow, 'keyId' | 'digestKey'>>;
}

/**
 * Writes down at the first start which master key this database is sealed with, and compares it ever after.
 *
 * *Repeat*: harmless; of two first starts at once with different keys one is refused, and with the same key both get the
 * digest key that was written first. *Errors* `KEY_WRONG`, `DATABASE_UNMIGRATED`, `STORE_UNAVAILABLE`; those of `first`.
 */
export async function keyringRow(pool: StorePool, { keyIds, named, first }: KnownKeys): Promise<KeyringRow> {
  const row = (await read(pool))[0] ?? (await begin(pool, await first()));
  if (!keyIds.includes(row.keyId)) throw keyturnError('KEY_WRONG', { file: named });
  return row;
}

const columns =
  'SELECT key_id AS "keyId", digest_key AS "digestKey", moved_at IS NOT NULL AS "isMoved" FROM keyturn.keyring';

const read = (pool: StorePool): Promise<readonly KeyringRow[]> => ask<KeyringRow>(pool, columns, []);

async function begin(pool: StorePool, { keyId, digestKey }: Pick<KeyringRow, 'keyId' | 'digestKey'>) {
  const text = 'INSERT INTO keyturn.keyring (key_id, digest_key) VALUES ($1, $2) ON CONFLICT DO NOTHING';
  await ask(pool, text, [keyId, digestKey]);
  // A statement of its own, which sees the row that another first start has just committed.
  return askOne<KeyringRow>(pool, columns, []);
}
