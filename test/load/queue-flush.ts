import { Redis } from 'ioredis';
import pg from 'pg';

/** Loses everything the queue holds. *Returns* false where the queue was too busy to be flushed now. */
export type QueueFlush = () => Promise<boolean>;

/** `FLUSHDB` of the numbered database that the URL names; the queue of a run is all there is in it. */
export function flushRedis(url: string): QueueFlush {
  return async () => {
    const client = new Redis(url);
    try {
      return (await client.flushdb()) === 'OK';
    } finally {
      client.disconnect();
    }
  };
}

/** Two that lock tables in another order than ours: one of them is ended, and it may be us. */
const deadlock = '40P01';

/** `TRUNCATE` of every table of the queue but the ledger of its migrations. The URL is that of the owner. */
export function flushPostgres(url: string): QueueFlush {
  return async () => {
    const client = new pg.Client(url);
    await client.connect();
    try {
      const { rows } = await client.query<{ tables: string }>(
        `SELECT string_agg(format('bullmq.%I', tablename), ', ') AS tables
           FROM pg_tables WHERE schemaname = 'bullmq' AND tablename <> 'migration'`,
      );
      await client.query(`TRUNCATE ${rows[0]?.tables ?? ''}`);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === deadlock) return false;
      throw error;
    } finally {
      await client.end();
    }
  };
}
