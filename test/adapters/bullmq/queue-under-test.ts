import { randomUUID } from 'node:crypto';
import type { PostgresConnectionOptions } from 'bullmq';
import { createPostgresBackend, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { migrateQueue } from '../../../src/adapters/bullmq/migrate-queue.js';
import { freshDatabase } from '../../support/postgres.js';
import { openPool } from '../../support/pool.js';
import { truncate } from '../../support/truncate.js';

/** A queue of one test, seen from outside Keyturn. */
export interface QueueUnderTest {
  readonly url: string;
  readonly prefix: string;
  /** Puts a job there as anybody can who has the URL. */
  readonly forge: (queue: string, data: unknown, jobId: string) => Promise<void>;
  /** How many jobs there are, finished ones too. */
  readonly jobs: () => Promise<number>;
  /** Loses everything, as `FLUSHALL` or `TRUNCATE` does. */
  readonly lose: () => Promise<void>;
  /** Everything that is stored, as text. */
  readonly dump: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Keys under a prefix of this test's own. */
export async function redisUnderTest(url: string): Promise<QueueUnderTest> {
  const prefix = `test-${randomUUID()}`;
  const client = new Redis(url);
  const keys = async (): Promise<string[]> => client.keys(`${prefix}:*`);
  const lose = async (): Promise<void> => {
    const found = await keys();
    if (found.length > 0) await client.del(...found);
  };
  return {
    url,
    prefix,
    lose,
    forge: async (name, data, jobId) => {
      const queue = new Queue(name, { connection: { ...fieldsOf(url) }, prefix });
      await queue.add('forged', data, { jobId });
      await queue.close();
    },
    jobs: async () => (await keys()).filter((key) => key.includes('/') || key.includes('forged')).length,
    dump: async () => {
      const texts = [];
      for (const key of await keys()) texts.push(key, JSON.stringify(await contentOf(client, key)));
      return texts.join('\n');
    },
    close: async () => {
      await lose();
      client.disconnect();
    },
  };
}

/** A database of this test's own, migrated. */
export async function postgresUnderTest(): Promise<QueueUnderTest> {
  const { url, drop } = await freshDatabase();
  await migrateQueue(url);
  const pool = openPool(url, 2);
  const tables = async (): Promise<string[]> => {
    const found = await pool.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'bullmq' AND tablename <> 'migration'",
    );
    return found.rows.map(({ name }) => `bullmq.${pg.escapeIdentifier(name)}`);
  };
  return {
    url,
    prefix: 'keyturn',
    forge: async (name, data, jobId) => {
      const connection = { connectionString: url, schema: 'bullmq' } satisfies PostgresConnectionOptions;
      const queue = new Queue(name, { connection }, createPostgresBackend);
      await queue.add('forged', data, { jobId });
      await queue.close();
    },
    jobs: async () => {
      const found = await pool.query<{ count: number }>('SELECT count(*)::int AS count FROM bullmq.job');
      return found.rows[0]?.count ?? 0;
    },
    lose: async () => truncate(pool, await tables()),
    dump: async () => {
      const texts = [];
      for (const table of await tables())
        texts.push(table, JSON.stringify((await pool.query(`SELECT * FROM ${table}`)).rows));
      return texts.join('\n');
    },
    close: async () => {
      await pool.end();
      await drop();
    },
  };
}

function fieldsOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

async function contentOf(client: Redis, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'hash':
      return client.hgetall(key);
    case 'list':
      return client.lrange(key, 0, -1);
    case 'set':
      return client.smembers(key);
    case 'zset':
      return client.zrange(key, '0', '-1');
    case 'stream':
      return client.xrange(key, '-', '+');
    default:
      return client.get(key);
  }
}
