import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject, onTestFinished } from 'vitest';
import type { PostgresMajor } from './test-server.js';
import { startTestPostgres, withDatabase } from './test-server.js';

/** A server to test against, with superuser rights. */
export interface TestPostgres {
  /** A connection string of the superuser for this database. */
  readonly url: (database?: string) => string;
  /** Holds every statement the server was sent; `undefined` where the server was given by URL. */
  readonly logFile: string | undefined;
}

/** A database of one test. */
export interface TestDatabase {
  readonly name: string;
  /** Owned by the superuser. */
  readonly url: string;
  /** *Repeat*: harmless. */
  readonly drop: () => Promise<void>;
}

/**
 * The server all tests of this major share: that of `KEYTURN_TEST_POSTGRES_URL` or the one the suite started for 18,
 * and one per process that asks for 15.
 */
export async function sharedPostgres({ major = 18 }: { readonly major?: PostgresMajor } = {}): Promise<TestPostgres> {
  if (major === 18) {
    const { url, logFile } = inject('postgres');
    return { url: (database) => withDatabase(url, database), logFile };
  }
  shared ??= startOwn(major);
  return shared;
}

let shared: Promise<TestPostgres> | undefined;

/** Lends a server of its own to a callback: for tests that break the server, or change it for everybody. */
export async function withPostgres<T>(
  {
    major = 18,
    settings = {},
  }: { readonly major?: PostgresMajor; readonly settings?: Readonly<Record<string, string>> },
  use: (server: TestPostgres) => Promise<T>,
): Promise<T> {
  const server = await startTestPostgres(major, settings);
  try {
    return await use({ url: (database = 'postgres') => server.url(database), logFile: server.serverLogPath });
  } finally {
    await server.stop();
  }
}

/**
 * Makes an empty database on the shared server. Asked for inside a test, it is dropped when the test has finished;
 * inside `beforeAll` or `beforeEach`, the caller drops it.
 */
export async function freshDatabase({ major = 18 }: { readonly major?: PostgresMajor } = {}): Promise<TestDatabase> {
  const server = await sharedPostgres({ major });
  const name = `${inject('postgres').databasePrefix}${randomBytes(6).toString('hex')}`;
  await runAsSuperuser(server, `CREATE DATABASE ${name}`);
  const drop = async (): Promise<void> => runAsSuperuser(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  try {
    onTestFinished(drop);
  } catch {
    // Not inside a test.
  }
  return { name, url: server.url(name), drop };
}

async function startOwn(major: PostgresMajor): Promise<TestPostgres> {
  const server = await startTestPostgres(major);
  return { url: (database = 'postgres') => server.url(database), logFile: server.serverLogPath };
}

async function runAsSuperuser(server: TestPostgres, sql: string): Promise<void> {
  const client = new pg.Client(server.url());
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
