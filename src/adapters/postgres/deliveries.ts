import type pg from 'pg';
import type { Deliveries, Delivery } from '../../ports/operations.js';
import { inTransaction, rowOf, rowsOf } from './statements.js';

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
        const again = outcome === 'failed' ? againInMs : null;
        await rowsOf(
          session,
          `UPDATE keyturn.deliveries SET status = $3, latency_ms = $4, rung_at = NULL,
             outcome = CASE WHEN $5::double precision IS NULL THEN $2 END,
             next_at = coalesce(clock_timestamp() + $5 * interval '1 millisecond', next_at)
           WHERE delivery_id = $1 AND outcome IS NULL`,
          [deliveryId, outcome, status, tookMs, again],
        );
        if (outcome !== 'gone') return;
        await rowsOf(
          session,
          `UPDATE keyturn.webhook_endpoints e SET gone = true FROM keyturn.deliveries d
           WHERE d.delivery_id = $1 AND e.environment = d.environment AND e.name = d.endpoint AND e.url = $2`,
          [deliveryId, url],
        );
      }),
  };
}
