import type { Metrics } from '../../ports/operations.js';
import { type Session, rowsOf } from './statements.js';

type Read = Awaited<ReturnType<Metrics['read']>>;

/** The shards of the counters added up, and what is overdue and open now. */
export function postgresMetrics(pool: Session): Metrics {
  return {
    async read() {
      const [rotations, buckets, overdue, open, acks] = await Promise.all([
        rowsOf<Read['rotations'][number]>(
          pool,
          `SELECT workflow, trigger, outcome, sum(count)::double precision AS count FROM keyturn.rotation_counters
           GROUP BY workflow, trigger, outcome ORDER BY workflow, trigger, outcome`,
        ),
        rowsOf<Bucket>(
          pool,
          `SELECT step, up_to_ms AS "upToMs", sum(count)::double precision AS count, sum(sum_ms) AS "sumMs" FROM keyturn.step_counters
           GROUP BY step, up_to_ms ORDER BY step, up_to_ms`,
        ),
        rowsOf<Read['overdue'][number]>(
          pool,
          `SELECT environment, count(*) FILTER (
             WHERE CASE WHEN last_rotated_at >= owed_since THEN next_due_at ELSE owed_since END
               + overdue_after_ms * interval '1 millisecond' <= now())::double precision AS count
           FROM keyturn.secrets
           WHERE declared GROUP BY environment ORDER BY environment`,
        ),
        rowsOf<Read['open'][number]>(
          pool,
          `SELECT status, count(r.status)::double precision AS count FROM unnest('{running,rolling_back,parked}'::text[]) status
           LEFT JOIN (SELECT status FROM keyturn.rotations WHERE closed_at IS NULL) r USING (status) GROUP BY status ORDER BY status`,
        ),
        rowsOf<Read['acks'][number]>(
          pool,
          `SELECT outcome, sum(count)::double precision AS count FROM keyturn.ack_counters GROUP BY outcome ORDER BY outcome`,
        ),
      ]);
      return { rotations, steps: histograms(buckets), overdue, open, acks };
    },
  };
}

/** One bucket as it is counted: not cumulative. */
interface Bucket {
  readonly step: string;
  readonly upToMs: number;
  readonly count: number;
  readonly sumMs: number;
}

/** Cumulative, as Prometheus wants them; the last bucket is the count itself. `buckets` come sorted. */
function histograms(buckets: readonly Bucket[]): Read['steps'] {
  return [...new Set(buckets.map(({ step }) => step))].map((step) => {
    const mine = buckets.filter((bucket) => bucket.step === step);
    let count = 0;
    let sumMs = 0;
    const bucketsMs: { upToMs: number; count: number }[] = [];
    for (const bucket of mine) {
      count += bucket.count;
      sumMs += bucket.sumMs;
      if (Number.isFinite(bucket.upToMs)) bucketsMs.push({ upToMs: bucket.upToMs, count });
    }
    return { step, bucketsMs, count, sumMs };
  });
}
