import type { Scope } from '../../../ports/step-ports.js';
import type { StoreSends } from '../../../ports/store-sends.js';
import { type StorePool, ask } from './failure.js';
import type { StoreRate } from './rate.js';

/** The most of a call's time that it waits for its turn; the rest is for sending. */
const turnShare = 0.5;

/**
 * The buckets of a store. Puts and labels have one each: AWS counts each of its operations for itself.
 * https://docs.aws.amazon.com/general/latest/gr/ssm.html
 */
export interface StoreRates {
  readonly put: Pick<StoreRate, 'turn'>;
  readonly label: Pick<StoreRate, 'turn'>;
}

/** Guards the writes to a store outside, by the leases of this database and on its clock. */
export function postgresStoreSends(pool: StorePool, rates: StoreRates): StoreSends {
  return {
    turn: async ({ deadlineMs, signal }, { what, urgent }) => {
      await rates[what].turn({ urgent, maxWaitMs: deadlineMs * turnShare, signal });
    },
    admit: async (scope, what, mirrors) => {
      const [row] = await (what === 'put'
        ? ask<Admitted>(pool, admitPut, [...executor(scope), mirrors ?? null])
        : ask<Admitted>(pool, admitLabel, executor(scope)));
      return row?.now_ms ?? null;
    },
    unsettledMs: async ({ plan }) => {
      const [row] = await ask<{ readonly left_ms: number }>(
        pool,
        `SELECT keyturn.to_ms(sent_at) + $3 - keyturn.to_ms(clock_timestamp()) AS left_ms
           FROM keyturn.store_puts WHERE secret = $1 AND rotation_id = $2 AND sent_at IS NOT NULL`,
        [plan.secret, plan.rotationId, plan.storeSettleMs],
      );
      return Math.max(0, row?.left_ms ?? 0);
    },
    mirrored: async ({ plan }) => {
      const [row] = await ask<{ readonly mirrors: string | null }>(
        pool,
        'SELECT mirrors FROM keyturn.store_puts WHERE secret = $1 AND rotation_id = $2 AND sent_at IS NOT NULL',
        [plan.secret, plan.rotationId],
      );
      return row?.mirrors ?? null;
    },
    refused: async (scope) => {
      // Where somebody has taken over since, the note may be of another put.
      await ask(
        pool,
        `UPDATE keyturn.store_puts AS p SET sent_at = NULL FROM keyturn.leases AS l
          WHERE p.secret = $1 AND p.rotation_id = $2 AND l.secret = $1 AND l.epoch = $3`,
        executor(scope),
      );
    },
  };
}

interface Admitted {
  readonly now_ms: number;
}

/**
 * The lease of $1, where $2 holds it under $3. Locked until the statement is over, so that whoever takes the rotation
 * over sees the note of a put that was admitted before. No row: the lease is lost.
 */
const held = `SELECT 1 FROM keyturn.leases
  WHERE secret = $1 AND rotation_id = $2 AND epoch = $3 AND NOT released AND expires_at > clock_timestamp() FOR SHARE`;

const admitLabel = `WITH held AS MATERIALIZED (${held}) SELECT keyturn.to_ms(clock_timestamp()) AS now_ms FROM held`;

const admitPut = `WITH held AS MATERIALIZED (${held})
  INSERT INTO keyturn.store_puts AS p (secret, rotation_id, sent_at, mirrors)
  SELECT $1, $2, clock_timestamp(), $4::text FROM held
  ON CONFLICT (secret) DO UPDATE
    SET rotation_id = excluded.rotation_id, sent_at = excluded.sent_at, mirrors = excluded.mirrors
  RETURNING keyturn.to_ms(p.sent_at) AS now_ms`;

const executor = ({ plan, fence }: Scope): readonly [string, string, number] => [
  plan.secret,
  plan.rotationId,
  fence.epoch,
];
