import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startRedis } from './redis.js';
import { startTestPostgres, testDatabasePrefix, withDatabase } from './test-server.js';

declare module 'vitest' {
  /** What the suite starts once and every test file may use. */
  interface ProvidedContext {
    /** A superuser's connection string; `logFile` holds every statement where we started the server. */
    readonly postgres: { readonly url: string; readonly logFile: string | undefined };
    /** A Redis, or why there is none. */
    readonly redis: { readonly url: string | undefined; readonly reason: string | undefined };
  }
}

/** Starts what all test files share, and fails the run when a test has left a database behind. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['KEYTURN_TEST_POSTGRES_URL'];
  const [server, redis] = await Promise.all([given === undefined ? startTestPostgres(18) : undefined, startRedis()]);
  const url = given ?? server?.url('postgres') ?? '';
  project.provide('postgres', { url, logFile: server?.serverLogPath });
  if (redis.kind === 'running') {
    project.provide('redis', { url: redis.url, reason: undefined });
  } else {
    process.stderr.write(`${redis.reason}\n`);
    project.provide('redis', { url: undefined, reason: redis.reason });
  }
  return async () => {
    try {
      await refuseLeftDatabases(url);
    } finally {
      if (redis.kind === 'running') await redis.stop();
      await server?.stop();
    }
  };
}

async function refuseLeftDatabases(url: string): Promise<void> {
  const client = new pg.Client(withDatabase(url, 'postgres'));
  await client.connect();
  try {
    const left = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [testDatabasePrefix],
    );
    for (const { datname } of left.rows) await client.query(`DROP DATABASE ${datname} WITH (FORCE)`);
    if (left.rows.length > 0) {
      throw new Error(`tests left ${left.rows.length} database(s): ${left.rows.map((row) => row.datname).join(', ')}`);
    }
  } finally {
    await client.end();
  }
}
