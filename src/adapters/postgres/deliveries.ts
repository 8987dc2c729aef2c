import type pg from 'pg';
import type { Deliveries, Delivery, DeliveryResult } from '../../ports/operations.js';
import { rowsOf } from './statements.js';

/** The outbox of webhooks. What is taken and when, and when an endpoint rests, is said in migrations 0012 and 0016. */
export function postgresDeliveries(pool: pg.Pool): Deliveries {
  return {
    take: ({ deliveryIds, others, forMs }) =>
      rowsOf<Delivery>(pool, 'SELECT * FROM keyturn.take_deliveries($1, $2, $3)', [deliveryIds, others, forMs]),

    async record(tries) {
      const rows = tries.map(({ delivery: { deliveryId, url, asked }, ...how }) => ({
        deliveryId,
        url,
        asked,
        ...how,
      }));
      return rowsOf<DeliveryResult>(pool, 'SELECT * FROM keyturn.record_deliveries($1)', [JSON.stringify(rows)]);
    },
  };
}
