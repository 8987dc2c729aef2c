import type pg from 'pg';
import type { Deliveries, Delivery, DeliveryResult } from '../../ports/operations.js';
import { rowOf } from './statements.js';

/** The outbox of webhooks. What is taken and when, and when an endpoint rests, is said in migration 0012. */
export function postgresDeliveries(pool: pg.Pool): Deliveries {
  return {
    take: async (deliveryId, forMs) =>
      (await rowOf<Delivery>(pool, 'SELECT * FROM keyturn.take_delivery($1, $2)', [deliveryId, forMs])) ?? null,

    async record({ deliveryId, url, asked }, { outcome, status, reason, tookMs, againInMs }) {
      const recorded = await rowOf<DeliveryResult>(
        pool,
        'SELECT * FROM keyturn.record_delivery($1, $2, $3, $4, $5, $6, $7, $8)',
        [deliveryId, url, asked, outcome, status, reason, tookMs, againInMs],
      );
      return recorded ?? { kind: 'late', next: null, restsMs: null, gaveUp: 0 };
    },
  };
}
