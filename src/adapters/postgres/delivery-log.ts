import type pg from 'pg';
import { keyturnError } from '../../core/errors.js';
import type { DeliveryAttempt, DeliveryDetail, DeliveryLog, DeliveryRow } from '../../ports/delivery-log.js';
import type { Wakeups } from '../../ports/wakeups.js';
import { noteDeed } from './deed.js';
import { type Session, inTransaction, rowOf, rowsOf } from './statements.js';

const columns = `
  d.delivery_id AS "deliveryId", d.environment, d.endpoint, d.body::jsonb ->> 'type' AS type, d.secret, d.rotation_id AS "rotationId",
  d.outcome, d.attempt, d.status, d.latency_ms AS "latencyMs", keyturn.to_ms(d.created_at) AS "createdAtMs",
  CASE WHEN d.outcome IS NULL THEN keyturn.to_ms(d.next_at) END AS "nextAtMs",
  CASE WHEN e.gone THEN 'gone' WHEN e.declared IS NOT TRUE THEN 'undeclared' WHEN d.outcome IS NULL AND e.rests_until > now() THEN 'resting' END AS silenced`;

const tables = `keyturn.deliveries d
  LEFT JOIN keyturn.webhook_endpoints e ON e.environment = d.environment AND e.name = d.endpoint`;

/** A webhook that is to be sent again. */
interface Again {
  readonly environment: string;
  readonly endpoint: string;
  readonly secret: string | null;
  readonly rotationId: string | null;
}

/** With `wakeups` what is to be sent again is rung for at once; the sweep finds it all the same. */
export function postgresDeliveryLog(pool: pg.Pool, wakeups?: Wakeups): DeliveryLog {
  return {
    // Index deliveries_newest.
    list: ({ environment, endpoint, rotationId, undelivered, limit }) =>
      rowsOf<DeliveryRow>(
        pool,
        `SELECT ${columns} FROM ${tables}
         WHERE ($1::text IS NULL OR d.environment = $1) AND ($2::text IS NULL OR d.endpoint = $2)
           AND ($3::text IS NULL OR d.rotation_id = $3)
           AND (NOT $4::boolean OR d.outcome IS DISTINCT FROM 'delivered')
         ORDER BY d.created_at DESC, d.delivery_id LIMIT $5`,
        [environment ?? null, endpoint ?? null, rotationId ?? null, undelivered ?? false, limit],
      ),

    async find(deliveryId) {
      const row = await rowOf<Omit<DeliveryDetail, 'attempts'>>(
        pool,
        `SELECT ${columns}, d.webhook_id AS "webhookId", d.body FROM ${tables} WHERE d.delivery_id = $1`,
        [deliveryId],
      );
      if (row === undefined) return null;
      const attempts = await rowsOf<DeliveryAttempt>(
        pool,
        `SELECT keyturn.to_ms(at) AS "atMs", outcome, status, reason, latency_ms AS "latencyMs"
         FROM keyturn.delivery_attempts WHERE delivery_id = $1 ORDER BY id`,
        [deliveryId],
      );
      return { ...row, attempts };
    },

    async redeliver({ deliveryId, by, reason }) {
      const key = await inTransaction(pool, async (session) => {
        const found = await rowOf<Again>(
          session,
          'SELECT environment, endpoint, secret, rotation_id AS "rotationId" FROM keyturn.deliveries WHERE delivery_id = $1',
          [deliveryId],
        );
        if (found === undefined) throw keyturnError('UNKNOWN_DELIVERY', { delivery: deliveryId });
        const { environment, endpoint, secret, rotationId } = found;
        const wasGone = await spokenToAgain(session, environment, endpoint);
        const again = await rowOf<{ readonly key: string }>(
          session,
          `UPDATE keyturn.deliveries SET outcome = NULL, attempt = 0, status = NULL, latency_ms = NULL, asked = asked + 1,
             next_at = clock_timestamp(), wanted_at = clock_timestamp(), rung_at = NULL, rings = rings + 1
           WHERE delivery_id = $1 RETURNING attempt || '-' || rings AS key`,
          [deliveryId],
        );
        const about = rotationId === null ? {} : { rotationId };
        const facts = { delivery: deliveryId, endpoint, ...(wasGone ? { revived: 'yes' } : {}) };
        await noteDeed(session, { environment, secret, ...about, by, action: 'redeliver', reason, facts });
        return again?.key ?? '';
      });
      await ring(deliveryId, key);
    },

    async ping({ environment, endpoint, by }) {
      const deliveryId = await inTransaction(pool, async (session) => {
        await spokenToAgain(session, environment, endpoint);
        const made = await rowOf<{ readonly deliveryId: string }>(
          session,
          `INSERT INTO keyturn.deliveries (delivery_id, webhook_id, environment, endpoint, body, next_at)
           SELECT gen_random_uuid()::text, 'msg_' || replace(gen_random_uuid()::text, '-', ''), $1, $2,
             json_build_object('type', 'test.ping',
               'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
               'data', json_build_object('environment', $1::text, 'endpoint', $2::text))::text,
             clock_timestamp()
           RETURNING delivery_id AS "deliveryId"`,
          [environment, endpoint],
        );
        const delivery = made?.deliveryId ?? '';
        const facts = { delivery, endpoint };
        await noteDeed(session, { environment, secret: null, by, action: 'ping', reason: 'a trial', facts });
        return delivery;
      });
      await ring(deliveryId, '0-0');
      return deliveryId;
    },
  };

  /** A hint: the sweep finds it all the same. */
  async function ring(id: string, key: string): Promise<void> {
    await wakeups?.ring({ about: 'delivery', id, key, delayMs: 0, urgent: false }).catch(() => undefined);
  }
}

/**
 * A person wants it spoken to, whatever it answered before. Locks it before any of its webhooks, as whoever sends them does.
 * *Returns* whether it had said that it is gone. *Errors* `ENDPOINT_UNDECLARED`.
 */
async function spokenToAgain(session: Session, environment: string, endpoint: string): Promise<boolean> {
  const found = await rowOf<{ readonly gone: boolean }>(
    session,
    'SELECT gone FROM keyturn.webhook_endpoints WHERE environment = $1 AND name = $2 AND declared FOR NO KEY UPDATE',
    [environment, endpoint],
  );
  if (found === undefined) throw keyturnError('ENDPOINT_UNDECLARED', { endpoint, environment });
  await rowsOf(
    session,
    'UPDATE keyturn.webhook_endpoints SET gone = false, failures = 0, rests_until = NULL WHERE environment = $1 AND name = $2',
    [environment, endpoint],
  );
  return found.gone;
}
