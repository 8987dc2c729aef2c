import { randomUUID } from 'node:crypto';
import { unfitValue } from '../../../core/credential.js';
import { keyturnError } from '../../../core/errors.js';
import { type Secret, sameSecret } from '../../../core/secret.js';
import { askOne } from './failure.js';
import { type StoreParts, environmentOf, sealContext } from './versions.js';

/** A version from outside, by a person. */
export interface PutByPerson {
  /** `environment:/path`. */
  readonly secret: string;
  /** As consumers read it: the JSON of a credential. */
  readonly value: Secret;
  readonly by: string;
  readonly reason: string;
  /** The version it takes the place of, on purpose. Absent: there must be none. */
  readonly replaces?: number;
}

/**
 * Writes a first version, labelled `current`, or takes the place of the one that is. With its audit row.
 *
 * *Errors* `VERSION_EXISTS` where `current` is elsewhere than said, `ROTATION_OPEN`, `UNKNOWN_SECRET`, `VALUE_UNFIT`,
 * `VERSION_LIMIT`. Nothing is changed then.
 */
export async function putInitial(
  { pool, keyring }: StoreParts,
  { secret, value, by, reason, replaces }: PutByPerson,
): Promise<{ readonly version: number }> {
  const environment = environmentOf(secret);
  const finding = unfitValue(value, [], sameSecret);
  if (finding !== undefined) throw keyturnError('VALUE_UNFIT', { secret, finding });
  const putId = randomUUID();
  const row = await askOne<{
    readonly outcome: 'put' | 'moved' | 'open' | 'unknown' | 'limit';
    readonly version: number;
    readonly current: number | null;
    readonly rotation: string | null;
  }>(pool, 'SELECT * FROM keyturn.store_put_by_person($1, $2, $3, $4, $5, $6, $7)', [
    secret,
    replaces ?? null,
    putId,
    await keyring.seal(value, sealContext(secret, { putId })),
    keyring.digest(value, { environment, secret }),
    by,
    reason,
  ]);
  switch (row.outcome) {
    case 'put':
      return { version: row.version };
    case 'moved':
      throw keyturnError('VERSION_EXISTS', {
        secret: secret.slice(environment.length + 1),
        environment,
        version: row.current ?? 'none',
      });
    case 'open':
      throw keyturnError('ROTATION_OPEN', { secret, rotation: row.rotation });
    case 'unknown':
      throw keyturnError('UNKNOWN_SECRET', { secret, environment, known: 'those `keyturn status` lists' });
    case 'limit':
      throw keyturnError('VERSION_LIMIT', { secret });
    default:
      return row.outcome satisfies never;
  }
}
