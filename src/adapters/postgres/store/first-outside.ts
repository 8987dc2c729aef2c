import { keyturnError } from '../../../core/errors.js';
import type { StoreSends } from '../../../ports/store-sends.js';
import { type StorePool, ask } from './failure.js';
import { environmentOf } from './versions.js';

/**
 * Guards the writes of a person to a store outside, who has no lease: while a rotation of the secret is open there are
 * none. *Errors* `ROTATION_OPEN`, `UNKNOWN_SECRET`.
 */
export function personStoreSends(pool: StorePool, turns: Pick<StoreSends, 'turn'>): StoreSends {
  return {
    turn: (scope, asked) => turns.turn(scope, asked),
    admit: async ({ plan: { secret } }) => {
      const [row] = await ask<{ readonly now_ms: number; readonly open: string | null }>(
        pool,
        `SELECT keyturn.to_ms(clock_timestamp()) AS now_ms,
                (SELECT r.rotation_id FROM keyturn.rotations AS r WHERE r.secret = $1 AND r.closed_at IS NULL) AS open
           FROM keyturn.secrets WHERE secret = $1`,
        [secret],
      );
      if (row === undefined) {
        const environment = environmentOf(secret);
        throw keyturnError('UNKNOWN_SECRET', { secret, environment, known: 'those `keyturn status` lists' });
      }
      if (row.open !== null) throw keyturnError('ROTATION_OPEN', { secret, rotation: row.open });
      return row.now_ms;
    },
    // There is one try, and who made it looks what came of it.
    unsettledMs: async () => 0,
    mirrored: async () => null,
    refused: async () => {},
  };
}

/** Writes down that a person has put a version outside, in the audit trail and beside the secret. */
export async function noteFirst(
  pool: StorePool,
  note: { readonly secret: string; readonly version: number; readonly by: string; readonly reason: string },
): Promise<void> {
  await ask(
    pool,
    `WITH known AS (UPDATE keyturn.secrets SET current_version = $2::integer WHERE secret = $1 RETURNING environment)
     INSERT INTO keyturn.audit (environment, secret, principal, action, reason, facts)
     SELECT environment, $1, $3, 'VersionPut', $4, jsonb_build_object('version', $2::integer, 'replaces', NULL) FROM known`,
    [note.secret, note.version, note.by, note.reason],
  );
}
