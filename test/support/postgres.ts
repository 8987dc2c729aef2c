import { randomBytes } from 'node:crypto';
import { inject, onTestFinished } from 'vitest';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { eventually } from './eventually.js';
import { scanSinks } from './leak-scanner.js';
import { tablesIn } from './postgres-sinks.js';
import { askSuperuser } from './superuser.js';
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

/** What a database of a test is made of. */
export interface FreshDatabase {
  readonly major?: PostgresMajor;
  /** Brought to this version, for the superuser alone. Default: empty. */
  readonly migrated?: boolean;
}

/**
 * Makes a database on the shared server. Asked for inside a test, it is dropped when the test has finished;
 * inside `beforeAll` or `beforeEach`, the caller drops it. Whoever drops it fails where it holds a generated value.
 */
export async function freshDatabase({ major = 18, migrated = false }: FreshDatabase = {}): Promise<TestDatabase> {
  const server = await sharedPostgres({ major });
  const { databasePrefix, template } = inject('postgres');
  const name = `${databasePrefix}${randomBytes(6).toString('hex')}`;
  const isCopied = migrated && major === 18;
  // Copied as files: through the write-ahead log, as is the default, it costs three times the time.
  await askSuperuser(
    server.url(),
    `CREATE DATABASE ${name} ${isCopied ? `TEMPLATE ${template}` : ''} STRATEGY FILE_COPY`,
  );
  if (migrated && !isCopied) await migrate(server.url(name));
  let isDropped = false;
  const drop = async (): Promise<void> => {
    if (isDropped) return;
    isDropped = true;
    await deserted(server, name);
    const { leaks } = await scanSinks([], [tablesIn(server.url(name), { catalogue: false })]);
    await askSuperuser(server.url(), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    if (leaks.length > 0) throw new Error(`a generated value is in the clear: ${JSON.stringify(leaks)}`);
  };
  try {
    onTestFinished(drop);
  } catch {
    // Not inside a test.
  }
  return { name, url: server.url(name), drop };
}

/**
 * Waits until nobody is connected: an ended pool closes its last lines a moment later, and one that is cut by force
 * meanwhile tells of it where nobody listens any more. Whoever stays longer than that is cut.
 */
async function deserted(server: TestPostgres, database: string): Promise<void> {
  await eventually(
    `nobody is connected to ${database}`,
    async () => {
      const there = await askSuperuser(server.url(), 'SELECT FROM pg_stat_activity WHERE datname = $1', [database]);
      return there.length === 0;
    },
    { maxMs: 2_000 },
  ).catch(() => undefined);
}

async function startOwn(major: PostgresMajor): Promise<TestPostgres> {
  const server = await startTestPostgres(major);
  return { url: (database = 'postgres') => server.url(database), logFile: server.serverLogPath };
}
