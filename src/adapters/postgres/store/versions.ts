import { keyturnError } from '../../../core/errors.js';
import type { Secret } from '../../../core/secret.js';
import type { Keyring, SealContext } from '../../../ports/keyring.js';
import type { Label, StoredVersion, VersionSelector } from '../../../ports/step-ports.js';
import { type StorePool, ask } from './failure.js';

/** What the store's parts work with. */
export interface StoreParts {
  readonly pool: StorePool;
  readonly keyring: Keyring;
}

/** Reading for applications, outside any rotation. */
export interface StoreReader {
  /**
   * The version of a secret (`environment:/path`) under a label or a number. *Default* `current`.
   * *Returns* null where there is none. *Errors* `STORE_UNAVAILABLE`, `KEYRING_DENIED`.
   */
  readCurrent(secret: string, selector?: VersionSelector): Promise<StoredVersion | null>;
}

/** The reading side of the built-in store. Needs no more than SELECT on versions and labels. */
export function postgresStoreReader(parts: StoreParts): StoreReader {
  return { readCurrent: (secret, selector = 'current') => readVersion(parts, secret, selector) };
}

/**
 * What the seal of a version is bound to: its secret, and who put it. Not its number, which is only drawn in the
 * transaction that writes it, while sealing may be a call to a key service and happens before.
 */
export function sealContext(
  secret: string,
  put: { readonly rotationId: string } | { readonly putId: string },
): SealContext {
  return {
    environment: environmentOf(secret),
    secret,
    rotation: 'store',
    slot: 'rotationId' in put ? `rotation:${put.rotationId}` : `put:${put.putId}`,
  };
}

/** The part of `environment:/path` before the colon; the names of environments hold none. */
export function environmentOf(secret: string): string {
  return secret.slice(0, secret.indexOf(':'));
}

/** What the value of a stored version is opened with. */
interface SealedRow {
  readonly rotation_id: string | null;
  readonly put_id: string | null;
  readonly sealed: Uint8Array;
  readonly digest: string;
}

interface VersionRow extends SealedRow {
  readonly version: number;
  readonly labels: readonly Label[];
}

/** One version, opened. *Returns* null where there is no such version or label. */
export async function readVersion(
  { pool, keyring }: StoreParts,
  secret: string,
  selector: VersionSelector,
): Promise<StoredVersion | null> {
  const isNumber = typeof selector === 'number';
  // No version is numbered past a Postgres integer, and such a number would be an error of the server.
  if (isNumber && (!Number.isInteger(selector) || selector < 1 || selector > 2 ** 31 - 1)) return null;
  const [row] = await ask<VersionRow>(
    pool,
    `SELECT v.version, v.rotation_id, v.put_id, v.sealed, v.digest,
            ARRAY(SELECT l.label FROM keyturn.labels AS l
                   WHERE l.secret = v.secret AND l.version = v.version
                     AND l.label IN ('pending', 'current', 'previous') ORDER BY l.label) AS labels
       FROM keyturn.versions AS v
      WHERE v.secret = $1
        AND v.version = ${
          isNumber ? '$2::integer' : '(SELECT version FROM keyturn.labels WHERE secret = $1 AND label = $2)'
        }`,
    [secret, selector],
  );
  if (row === undefined) return null;
  const value = await openVersion({ keyring }, secret, row);
  return { version: row.version, value, digest: row.digest, rotationId: row.rotation_id, labels: row.labels };
}

/** The value of a stored version. *Errors* `KEYRING_DENIED`, also where it is not what its digest says. */
export async function openVersion(
  { keyring }: Pick<StoreParts, 'keyring'>,
  secret: string,
  { rotation_id: rotationId, put_id: putId, sealed, digest }: SealedRow,
): Promise<Secret> {
  const put = rotationId === null ? { putId: putId ?? '' } : { rotationId };
  const value = await keyring.open(sealed, sealContext(secret, put));
  // The digest decides what is the same; a changed one must not pass for another value's.
  if (keyring.digest(value, { environment: environmentOf(secret), secret }) !== digest) {
    throw keyturnError('KEYRING_DENIED', { secret });
  }
  return value;
}
