import { Redis } from 'ioredis';
import pg from 'pg';
import { queueSchema } from '../../src/adapters/bullmq/postgres-backend.js';
import { truncate } from '../support/truncate.js';
import type { Rig } from './rig.js';

/** The queue of a rig, as somebody has it who does not wish it well. */
export interface QueueBreaker {
  /** Empties it: every job is gone, and so is what it knew of ids. */
  readonly lose: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens a way to it. The caller closes it. */
export async function openQueue({ straight: { queueUrl } }: Rig): Promise<QueueBreaker> {
  if (new URL(queueUrl).protocol === 'redis:') {
    const redis = new Redis(queueUrl);
    return { lose: async () => void (await redis.flushall()), close: async () => redis.disconnect() };
  }
  const client = new pg.Client(queueUrl);
  await client.connect();
  const { rows } = await client.query<{ readonly name: string }>(
    `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = $1 AND tablename <> 'migration'`,
    [queueSchema],
  );
  const tables = rows.map(({ name }) => `${queueSchema}.${name}`);
  return { lose: async () => truncate(client, tables), close: async () => client.end() };
}

/** What {@link loseAfterEachEvent} has done. */
export interface Losses {
  readonly count: number;
  /** The kinds of the events right after which the queue was lost. */
  readonly after: ReadonlySet<string>;
}

/** Empties the queue as soon as the journal has grown, again and again until it is stopped. */
export function loseAfterEachEvent(rig: Rig, queue: QueueBreaker): { readonly stop: () => Promise<Losses> } {
  const after = new Set<string>();
  let [seen, count, isStopped] = [0, 0, false];
  const run = async (): Promise<void> => {
    while (!isStopped) {
      const { rows } = await rig.pool.query<{ readonly total: number; readonly kinds: readonly string[] }>(
        `SELECT (SELECT count(*)::int FROM keyturn.journal) AS total,
                (SELECT array_agg(DISTINCT last.kind) FROM keyturn.rotations r,
                   LATERAL (SELECT event->>'kind' AS kind FROM keyturn.journal j
                     WHERE j.rotation_id = r.rotation_id ORDER BY seq DESC LIMIT 1) last) AS kinds`,
      );
      const { total = 0, kinds = [] } = rows[0] ?? {};
      if (total === seen) continue;
      seen = total;
      await queue.lose();
      count += 1;
      for (const kind of kinds ?? []) after.add(kind);
    }
  };
  const running = run();
  return {
    stop: async () => {
      isStopped = true;
      await running;
      return { count, after };
    },
  };
}
