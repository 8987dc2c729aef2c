import type { RotationRow, SecretRow, Views, WaiverRow } from '../../ports/operations.js';
import type { Recorded } from '../../core/rotation-event.js';
import { type Session, rowOf, rowsOf } from './statements.js';

const rotationColumns = `
  r.rotation_id AS "rotationId", r.secret, r.workflow, r.workflow_number AS "workflowNumber", r.trigger, r.status, r.step, r.reason,
  r.requested_by AS "requestedBy", r.code, keyturn.to_ms(r.requested_at) AS "requestedAtMs", keyturn.to_ms(r.closed_at) AS "closedAtMs"`;

/** Reading for people. Takes no lock. */
export function postgresViews(pool: Session): Views {
  return {
    // A prefix is a range of the primary key, whose collation is "C".
    async rotation(idOrPrefix) {
      if (idOrPrefix === '') return null;
      const found = await rowsOf<RotationRow>(
        pool,
        `SELECT ${rotationColumns} FROM keyturn.rotations r
         WHERE r.rotation_id >= $1 AND r.rotation_id < $1 || chr(1114111) ORDER BY r.rotation_id LIMIT 2`,
        [idOrPrefix],
      );
      const [first, second] = found;
      return first !== undefined && (second === undefined || first.rotationId === idOrPrefix) ? first : null;
    },

    rotations: ({ environment, secret, open, limit }) =>
      rowsOf<RotationRow>(
        pool,
        `SELECT ${rotationColumns} FROM keyturn.rotations r
         WHERE ($1::text IS NULL OR r.environment = $1) AND ($2::text IS NULL OR r.secret = $2)
           AND ($3::boolean IS NULL OR (r.closed_at IS NULL) = $3)
         ORDER BY r.requested_at DESC, r.rotation_id DESC LIMIT $4`,
        [environment ?? null, secret ?? null, open ?? null, limit],
      ),

    secrets: (environment) =>
      rowsOf<SecretRow>(
        pool,
        `SELECT s.secret, s.environment, s.path, s.target, s.held_because AS "heldBecause", s.current_version AS "currentVersion",
           keyturn.to_ms(s.last_rotated_at) AS "lastRotatedAtMs", keyturn.to_ms(s.next_due_at) AS "nextDueAtMs",
           r.rotation_id AS "openRotation", r.status AS "openStatus", keyturn.to_ms(clock_timestamp()) AS "nowMs", s.held_by IS NOT NULL AS held,
           ARRAY(SELECT w.consumer FROM keyturn.waivers w WHERE w.rotation_id = r.rotation_id ORDER BY 1) AS waived,
           s.guard_seq::double precision AS "guardSeq"
         FROM keyturn.secrets s LEFT JOIN keyturn.rotations r ON r.secret = s.secret AND r.closed_at IS NULL
         WHERE s.declared AND ($1::text IS NULL OR s.environment = $1) ORDER BY s.secret`,
        [environment ?? null],
      ),

    events: (rotationId, afterSeq) =>
      rowsOf<Recorded>(
        pool,
        `SELECT seq, keyturn.to_ms(at) AS "atMs", epoch::double precision AS epoch, event FROM keyturn.journal
         WHERE rotation_id = $1 AND seq > $2 ORDER BY seq`,
        [rotationId, afterSeq],
      ),

    waivers: (rotationId) =>
      rowsOf<WaiverRow>(
        pool,
        'SELECT consumer, by, reason, keyturn.to_ms(at) AS "atMs" FROM keyturn.waivers WHERE rotation_id = $1 ORDER BY consumer',
        [rotationId],
      ),

    async leaseHolder(secret) {
      const row = await rowOf<{ holder: string; epoch: number; expiresInMs: number }>(
        pool,
        `SELECT holder, epoch::double precision AS epoch,
           ceil(extract(epoch FROM expires_at - clock_timestamp()) * 1000)::double precision AS "expiresInMs"
         FROM keyturn.leases WHERE secret = $1 AND NOT released AND expires_at > clock_timestamp()`,
        [secret],
      );
      return row ?? null;
    },
  };
}
