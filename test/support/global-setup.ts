import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { tallyVariable } from './canary.mjs';
import { startRedis } from './redis.js';
import { startTestPostgres, withDatabase } from './test-server.js';

declare module 'vitest' {
  /** What the suite starts once and every test file may use. */
  interface ProvidedContext {
    readonly postgres: {
      /** A superuser's connection string. */
      readonly url: string;
      /** Holds every statement, where we started the server. */
      readonly logFile: string | undefined;
      /** The names of this run's databases begin so; the run fails when one is left at its end. */
      readonly databasePrefix: string;
      /** A migrated database of this run, to be copied: that takes half as long as migrating another. */
      readonly template: string;
    };
    /** A Redis, or why there is none. */
    readonly redis: {
      readonly url: string | undefined;
      readonly reason: string | undefined;
      /** True where it was given by URL: it is another's, and holds what is not ours. */
      readonly isGiven: boolean;
    };
    /** A file that grows by a line for each value that a rotator generates and for each scan of a rig. */
    readonly canaryTally: string;
  }
}

/** Starts what all test files share, and fails the run when a test has left a database behind. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['KEYTURN_TEST_POSTGRES_URL'];
  const [server, redis] = await Promise.all([given === undefined ? startTestPostgres(18) : undefined, startRedis()]);
  const url = given ?? server?.url('postgres') ?? '';
  // A server given by URL may serve two runs at the same time.
  const databasePrefix = `keyturn_test_${randomBytes(4).toString('hex')}_`;
  const template = `${databasePrefix}template`;
  await asSuperuser(url, (client) => client.query(`CREATE DATABASE ${template}`));
  await migrate(withDatabase(url, template));
  project.provide('postgres', { url, logFile: server?.serverLogPath, databasePrefix, template });
  if (redis.kind === 'running') {
    project.provide('redis', { url: redis.url, reason: undefined, isGiven: redis.source === 'URL' });
  } else {
    process.stderr.write(`${redis.reason}\n`);
    project.provide('redis', { url: undefined, reason: redis.reason, isGiven: false });
  }
  const canaryTally = join(tmpdir(), `keyturn-canary-${randomBytes(6).toString('hex')}`);
  project.provide('canaryTally', canaryTally);
  // The processes of the test files inherit it.
  process.env[tallyVariable] = canaryTally;
  return async () => {
    try {
      await asSuperuser(url, (client) => client.query(`DROP DATABASE ${template} WITH (FORCE)`));
      await asSuperuser(url, (client) => refuseLeftDatabases(client, databasePrefix));
    } finally {
      if (redis.kind === 'running') await redis.stop();
      await server?.stop();
      await rm(canaryTally, { force: true });
    }
  };
}

async function asSuperuser(url: string, act: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(withDatabase(url, 'postgres'));
  await client.connect();
  try {
    await act(client);
  } finally {
    await client.end();
  }
}

async function refuseLeftDatabases(client: pg.Client, prefix: string): Promise<void> {
  const left = await client.query<{ datname: string }>(
    'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
    [prefix],
  );
  for (const { datname } of left.rows) await client.query(`DROP DATABASE ${datname} WITH (FORCE)`);
  if (left.rows.length === 0) return;
  // Vitest swallows what a teardown throws.
  process.stderr.write(`tests left databases behind: ${left.rows.map((row) => row.datname).join(', ')}\n`);
  process.exitCode = 1;
}
