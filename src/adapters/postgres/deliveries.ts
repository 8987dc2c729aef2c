import type pg from 'pg';
import type { Deliveries, Delivery } from '../../ports/operations.js';
import { type Session, inTransaction, rowOf, rowsOf } from './statements.js';

/** The outbox of webhooks. */
export function postgresDeliveries(pool: pg.Pool): Deliveries {
  return {
    // Effect: it is not due again for `forMs`, so that whoever rings meanwhile finds nothing to do. No row: it is not
    // due, was told how it ended, or its endpoint is gone or no longer declared.
    async take(deliveryId, forMs) {
      const row = await rowOf<Delivery>(
        pool,
        `UPDATE keyturn.deliveries d SET attempt = attempt + 1, rung_at = NULL, next_at = clock_timestamp() + $2 * interval '1 millisecond'
         FROM keyturn.webhook_endpoints e
         WHERE d.delivery_id = $1 AND d.outcome IS NULL AND d.next_at <= clock_timestamp()
           AND e.environment = d.environment AND e.name = d.endpoint AND e.declared AND NOT e.gone
         RETURNING d.delivery_id AS "deliveryId", d.environment, d.endpoint, e.url, d.webhook_id AS "webhookId", d.body, d.attempt,
           keyturn.to_ms(clock_timestamp()) AS "nowMs"`,
        [deliveryId, forMs],
      );
      return row ?? null;
    },

    record: ({ deliveryId, url }, { outcome, status, tookMs, againInMs }) =>
      inTransaction(pool, async (session) => {
        // No row: another try has said how it ended.
        const waiting = await rowOf(
          session,
          'SELECT 1 FROM keyturn.deliveries WHERE delivery_id = $1 AND outcome IS NULL FOR NO KEY UPDATE',
          [deliveryId],
        );
        if (waiting === undefined) return 'late';
        const moved = outcome === 'gone' && !(await silence(session, deliveryId, url));
        const failedForMs = outcome === 'failed' ? againInMs : null;
        await rowsOf(
          session,
          `UPDATE keyturn.deliveries SET status = $3, latency_ms = $4, rung_at = NULL,
             outcome = CASE WHEN $5::double precision IS NULL THEN $2 END,
             next_at = coalesce(clock_timestamp() + $5 * interval '1 millisecond', next_at)
           WHERE delivery_id = $1`,
          [deliveryId, outcome, status, tookMs, moved ? 0 : failedForMs],
        );
        return moved ? 'moved' : 'written';
      }),
  };
}

/** Silences the endpoint. *Returns* false where it has another address now: what the old one said is nothing to it. */
async function silence(session: Session, deliveryId: string, url: string): Promise<boolean> {
  const row = await rowOf(
    session,
    `UPDATE keyturn.webhook_endpoints e SET gone = true FROM keyturn.deliveries d
     WHERE d.delivery_id = $1 AND e.environment = d.environment AND e.name = d.endpoint AND e.url = $2 RETURNING 1`,
    [deliveryId, url],
  );
  return row !== undefined;
}
