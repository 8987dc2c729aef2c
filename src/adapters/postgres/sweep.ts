import type { SweepQueries } from '../../ports/operations.js';
import { type Session, rowsOf } from './statements.js';

type Due = Awaited<ReturnType<SweepQueries['due']>>[number];
type Unattended = Awaited<ReturnType<SweepQueries['unattended']>>[number];
type Undelivered = Awaited<ReturnType<SweepQueries['undelivered']>>[number];
type Overdue = Awaited<ReturnType<SweepQueries['overdue']>>[number];
type Told = Awaited<ReturnType<SweepQueries['policies']>>[number];
type Audit = Awaited<ReturnType<SweepQueries['audits']>>[number];

/**
 * What the sweep finds. Times are compared with `now()`, the server's time at the start of the statement, because an
 * index cannot be searched by `clock_timestamp()`.
 */
export function postgresSweep(pool: Session): SweepQueries {
  return {
    // Index secrets_due. A row that a rotation is just being accepted for is left to the next sweep.
    due: (environments, limit) =>
      rowsOf<Due>(
        pool,
        `SELECT secret, cron, timezone, keyturn.to_ms(next_due_at) AS "dueAtMs", keyturn.to_ms(clock_timestamp()) AS "nowMs"
         FROM keyturn.secrets
         WHERE declared AND next_due_at <= now() AND environment = ANY ($1)
         ORDER BY next_due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`,
        [environments, limit],
      ),

    // No row: another worker was first. What was owed and has been rotated since owes this due time, and a first one owes the next.
    async reschedule(secret, fromMs, nextMs) {
      const rows = await rowsOf(
        pool,
        `UPDATE keyturn.secrets AS s SET next_due_at = keyturn.from_ms($3), owed_since = owed.since,
           overdue_at = CASE WHEN owed.since IS NOT DISTINCT FROM s.owed_since THEN s.overdue_at
                             ELSE owed.since + s.overdue_after_ms * interval '1 millisecond' END
         FROM (SELECT o.secret, CASE WHEN o.owed_since > coalesce(o.last_rotated_at, '-infinity') THEN o.owed_since
                                     ELSE keyturn.from_ms(coalesce($2::double precision, $3::double precision)) END AS since
               FROM keyturn.secrets AS o WHERE o.secret = $1) AS owed
         WHERE s.secret = owed.secret AND declared AND next_due_at IS NOT DISTINCT FROM keyturn.from_ms($2) RETURNING 1`,
        [secret, fromMs, nextMs],
      );
      return rows.length > 0;
    },

    // Index rotations_due, urgent ones first. Every ring has a key of its own: a queue takes a second job of one id,
    // whose first hangs with a dead worker, for a duplicate and drops it.
    unattended: (limit, quietMs) =>
      rowsOf<Unattended>(
        pool,
        `UPDATE keyturn.rotations SET rung_at = now(), rings = rings + 1
         WHERE rotation_id IN (
           SELECT r.rotation_id FROM keyturn.rotations r
           WHERE r.closed_at IS NULL AND r.due_at <= now()
             AND (r.rung_at IS NULL OR r.rung_at <= now() - $2 * interval '1 millisecond')
             AND NOT EXISTS (SELECT FROM keyturn.leases l WHERE l.secret = r.secret AND NOT l.released AND l.expires_at > now())
           ORDER BY r.urgent DESC, r.due_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
         RETURNING rotation_id AS "rotationId", seq || '-' || rings AS key, urgent`,
        [limit, quietMs],
      ),

    // Index deliveries_due, once for each endpoint. Only what is rung for is locked: a backlog that waits is looked at several
    // times a second. What another sweep rings for in the same moment may be rung for twice.
    undelivered: (limit, quietMs) =>
      rowsOf<Undelivered>(
        pool,
        `UPDATE keyturn.deliveries SET rung_at = now(), rings = rings + 1
         WHERE delivery_id IN (
           SELECT l.delivery_id FROM keyturn.deliveries l WHERE l.delivery_id IN (
             SELECT d.delivery_id FROM keyturn.webhook_endpoints e CROSS JOIN LATERAL (
               SELECT w.delivery_id, w.rung_at, w.next_at FROM keyturn.deliveries w
               WHERE w.environment = e.environment AND w.endpoint = e.name AND w.outcome IS NULL AND w.next_at <= now()
               ORDER BY w.next_at LIMIT keyturn.endpoint_places(e.failures)) d
             WHERE e.declared AND NOT e.gone AND (e.rests_until IS NULL OR e.rests_until <= now())
               AND (d.rung_at IS NULL OR d.rung_at <= now() - $2 * interval '1 millisecond')
             ORDER BY d.next_at LIMIT $1)
           FOR NO KEY UPDATE SKIP LOCKED)
         RETURNING delivery_id AS "deliveryId", attempt || '-' || rings AS key`,
        [limit, quietMs],
      ),

    // Index secrets_audit. Effect: the next audit is 30 s on while a takeover is fresh, an hour on otherwise.
    audits: (environments, limit) =>
      rowsOf<Audit>(
        pool,
        `UPDATE keyturn.secrets s SET next_audit_at = now() +
           CASE WHEN audit_until > now() THEN interval '30 seconds' ELSE interval '1 hour' END
         WHERE secret IN (
           SELECT d.secret FROM keyturn.secrets d
           WHERE d.declared AND d.next_audit_at <= now() AND d.environment = ANY ($1)
           ORDER BY d.next_audit_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
         RETURNING secret, (
           SELECT r.rotation_id FROM keyturn.rotations r WHERE r.secret = s.secret AND r.closed_at IS NULL) AS "openRotation"`,
        [environments, limit],
      ),

    // Index secrets_overdue.
    overdue: (limit) => rowsOf<Overdue>(pool, 'SELECT * FROM keyturn.tell_overdue($1)', [limit]),

    // Index parameters_policies_due.
    policies: (limit) => rowsOf<Told>(pool, 'SELECT * FROM keyturn.parameter_policies($1)', [limit]),

    async audited(secret, problem) {
      await rowsOf(
        pool,
        `INSERT INTO keyturn.audit (environment, secret, principal, action, reason)
         SELECT environment, secret, 'keyturn', 'AliasAudited', $2 FROM keyturn.secrets WHERE secret = $1`,
        [secret, problem],
      );
    },
  };
}
