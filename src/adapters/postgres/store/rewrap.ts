import { isKeyturnError, keyturnError } from '../../../core/errors.js';
import type { SealContext } from '../../../ports/keyring.js';
import { keyContext } from './access.js';
import { type StorePool, ask } from './failure.js';
import { sealContext } from './versions.js';

/** The master key that everything is to be sealed under, and how something gets there. */
export interface Rewrapping {
  /** What its seals carry from their third byte on. */
  readonly mark: Uint8Array;
  /** The same value under the new key. *Errors* `KEYRING_DENIED` where it cannot be opened, and those of the keyring. */
  readonly reseal: (sealed: Uint8Array, context: SealContext) => Promise<Uint8Array>;
}

/** What a run has done. */
export interface Rewrapped {
  /** Values that are under the new key now and were not before. */
  readonly moved: number;
  /** Values that neither key opens; they stay as they are. */
  readonly unopened: readonly string[];
}

/** A sealed value, and the key of its row. */
interface Kept {
  readonly key: RowKey;
  readonly context: SealContext;
  readonly sealed: Uint8Array;
}

/** Every place has a key of two columns. */
type RowKey = readonly [string, string | number];

/**
 * Somewhere in the database where sealed values are kept. `others`: those not of mark $1 after the row ($2, $3), $4 at
 * most, in the order of the key, so that the index leads on and nothing is read twice. `replace`: $1 the new value, $2
 * the one it takes the place of, ($3, $4) the row.
 */
interface Place {
  readonly table: string;
  readonly beforeAll: RowKey;
  readonly others: string;
  readonly replace: string;
  readonly contextOf: (row: PlaceRow) => SealContext;
}

interface PlaceRow {
  readonly one: string;
  readonly two: string | number;
  readonly sealed: Uint8Array;
  readonly environment: string;
  readonly secret: string;
  readonly rotation: string | null;
  readonly put: string | null;
}

/** Rows at one time; a key service is asked for this many values at once. */
const batch = 16;

// A value is replaced only while it is the one that was read: whoever has changed it meanwhile wins.
const places: readonly Place[] = [
  {
    table: 'versions',
    beforeAll: ['', 0],
    others: `SELECT v.secret AS one, v.version AS two, v.sealed, '' AS environment, v.secret, v.rotation_id AS rotation,
                    v.put_id AS put
               FROM keyturn.versions AS v
              WHERE (v.secret, v.version) > ($2, $3::integer) AND substring(v.sealed FROM 3 FOR 8) <> $1
              ORDER BY v.secret, v.version LIMIT $4`,
    replace: 'UPDATE keyturn.versions SET sealed = $1 WHERE sealed = $2 AND secret = $3 AND version = $4::integer',
    contextOf: ({ secret, rotation, put }) =>
      sealContext(secret, rotation === null ? { putId: put ?? '' } : { rotationId: rotation }),
  },
  {
    table: 'sealed_values',
    beforeAll: ['', ''],
    others: `SELECT v.rotation_id AS one, v.slot AS two, v.sealed, r.environment, r.secret, v.rotation_id AS rotation,
                    NULL AS put
               FROM keyturn.sealed_values AS v JOIN keyturn.rotations AS r USING (rotation_id)
              WHERE (v.rotation_id, v.slot) > ($2, $3) AND substring(v.sealed FROM 3 FOR 8) <> $1
              ORDER BY v.rotation_id, v.slot LIMIT $4`,
    replace: 'UPDATE keyturn.sealed_values SET sealed = $1 WHERE sealed = $2 AND rotation_id = $3 AND slot = $4',
    contextOf: ({ one: rotation, two: slot, environment, secret }) => ({
      environment,
      secret,
      rotation,
      slot: String(slot),
    }),
  },
  {
    table: 'access_keys',
    beforeAll: ['', ''],
    others: `SELECT k.key_id AS one, '' AS two, k.sealed, k.environment, '' AS secret, NULL AS rotation, NULL AS put
               FROM keyturn.access_keys AS k
              WHERE (k.key_id, '') > ($2, $3) AND substring(k.sealed FROM 3 FOR 8) <> $1
              ORDER BY k.key_id LIMIT $4`,
    replace: `UPDATE keyturn.access_keys SET sealed = $1 WHERE sealed = $2 AND key_id = $3 AND $4 = ''`,
    contextOf: ({ one: keyId, environment }) => keyContext(environment, keyId),
  },
];

/** The tables where sealed values are kept, beside the row of the master key itself. */
export const sealedTables: readonly string[] = places.map(({ table }) => table);

/**
 * Seals every value of the database under the new key that is under another. `tell` hears of each batch.
 *
 * *Repeat*: goes on where it broke off, and seals nothing twice. Safe beside workers that open what either key has
 * sealed: each value is replaced in one statement, and never by one that does not open.
 * *Errors* `PRIVILEGE_MISSING` where the role may not change versions; those of the keyring; `STORE_UNAVAILABLE`.
 */
export async function rewrapValues(
  pool: StorePool,
  rewrapping: Rewrapping,
  tell: (moved: number) => void = () => {},
): Promise<Rewrapped> {
  const unopened: string[] = [];
  let moved = 0;
  for (const place of places) {
    for (let after = place.beforeAll; ; ) {
      const rows = await othersAfter(pool, place, rewrapping.mark, after);
      const settled = await Promise.allSettled(rows.map((row) => rewrapOne(pool, place, row, rewrapping)));
      for (const [index, outcome] of settled.entries()) {
        const row = rows[index];
        if (outcome.status === 'fulfilled') moved += outcome.value ? 1 : 0;
        else if (isUnopened(outcome.reason)) unopened.push(`${place.table} ${row?.key.join(' ') ?? ''}`);
        else throw outcome.reason;
      }
      tell(moved);
      const last = rows.at(-1);
      if (last === undefined) break;
      after = last.key;
    }
  }
  return { moved, unopened };
}

/** True where a value is sealed under another key than the one of this mark. */
export async function hasOthers(pool: StorePool, mark: Uint8Array): Promise<boolean> {
  for (const { others, beforeAll } of places)
    if ((await ask(pool, others, [mark, ...beforeAll, 1])).length > 0) return true;
  return false;
}

/**
 * Writes down that the database belongs to another master key from now on, with its audit row, unless it does already.
 * The digest key stays the same, sealed under the new one.
 * *Returns* false where the database belongs to neither: somebody else has moved it.
 */
export async function moveKeyringRow(
  pool: StorePool,
  move: { readonly from: string; readonly to: string; readonly digestKey: Uint8Array; readonly by: string },
): Promise<boolean> {
  const { from, to, digestKey, by } = move;
  const rows = await asOwner(() =>
    ask(
      pool,
      `WITH moved AS (
         UPDATE keyturn.keyring SET key_id = $2, digest_key = $3, moved_at = clock_timestamp() WHERE key_id = $1
         RETURNING key_id)
       INSERT INTO keyturn.audit (principal, action, facts)
       SELECT $4, 'MasterKeyMoved', jsonb_build_object('from', $1::text, 'to', key_id) FROM moved RETURNING id`,
      [from, to, digestKey, by],
    ),
  );
  return rows.length > 0;
}

async function othersAfter(
  pool: StorePool,
  { others, contextOf }: Place,
  mark: Uint8Array,
  after: RowKey,
): Promise<readonly Kept[]> {
  const rows = await ask<PlaceRow>(pool, others, [mark, ...after, batch]);
  return rows.map((row) => ({ key: [row.one, row.two], sealed: row.sealed, context: contextOf(row) }));
}

/** *Returns* false where somebody has changed or removed it meanwhile. */
async function rewrapOne(pool: StorePool, place: Place, row: Kept, { reseal }: Rewrapping): Promise<boolean> {
  const resealed = await reseal(row.sealed, row.context);
  const replaced = await asOwner(() =>
    ask(pool, `${place.replace} RETURNING 1 AS replaced`, [resealed, row.sealed, ...row.key]),
  );
  return replaced.length > 0;
}

const isUnopened = (error: unknown): boolean => isKeyturnError(error) && error.code === 'KEYRING_DENIED';

/** A version never changes for the role of a worker; only the owner of the schema may. */
async function asOwner<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!isKeyturnError(error) || error.code !== 'STORE_DENIED') throw error;
    throw keyturnError('PRIVILEGE_MISSING', {
      target: 'state database',
      action: 'changing what is sealed',
      cure: 'Set KEYTURN_DATABASE_URL to that of the owner of the schema keyturn, as for `keyturn migrate`.',
    });
  }
}
