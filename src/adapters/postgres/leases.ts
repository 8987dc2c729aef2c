import type { Async, Lease, Leases } from '../../ports/journal.js';
import type { FenceToken } from '../../core/fence.js';
import { type Session, answerOf, rowOf, rowsOf } from './statements.js';

/** Leases and epochs in PostgreSQL. Nothing here takes a time from the worker: lengths go in, the server reads its clock. */
export function postgresLeases(pool: Session): Async<Leases> {
  return {
    acquire: ({ rotationId, holder, ttlMs }) =>
      answerOf<Lease>(pool, 'SELECT keyturn.acquire($1, $2, $3) AS answer', [rotationId, holder, ttlMs]),

    // No row: another epoch was drawn, or it expired before we asked. An expired lease is not revived.
    async renew({ secret, epoch, ttlMs }) {
      const rows = await rowsOf(
        pool,
        `UPDATE keyturn.leases SET expires_at = clock_timestamp() + $3 * interval '1 millisecond'
         WHERE secret = $1 AND epoch = $2 AND NOT released AND expires_at > clock_timestamp() RETURNING 1`,
        [secret, epoch, ttlMs],
      );
      return rows.length > 0;
    },

    async release({ secret, epoch }) {
      await rowsOf(pool, 'UPDATE keyturn.leases SET released = true WHERE secret = $1 AND epoch = $2', [secret, epoch]);
    },

    async newest() {
      const row = await rowOf<FenceToken>(
        pool,
        `SELECT era, CASE WHEN is_called THEN last_value::double precision ELSE 0 END AS epoch
         FROM keyturn.installation, keyturn.epoch_seq`,
      );
      return row ?? { era: 1, epoch: 0 };
    },

    // An answer writes only where there was a failure to forget. Five failures in a row open the breaker: 30 s apart,
    // one acquisition probes. Failures of others meanwhile do not put the next probe off.
    async report({ environment, target }, outcome) {
      await rowsOf(
        pool,
        outcome === 'answered'
          ? `UPDATE keyturn.targets SET failures = 0, probe_at = NULL WHERE environment = $1 AND target = $2 AND failures > 0`
          : `UPDATE keyturn.targets SET failures = failures + 1,
               probe_at = CASE WHEN failures + 1 < 5 THEN NULL
                 WHEN probe_at > clock_timestamp() THEN probe_at ELSE clock_timestamp() + interval '30 seconds' END
             WHERE environment = $1 AND target = $2`,
        [environment, target],
      );
    },
  };
}
