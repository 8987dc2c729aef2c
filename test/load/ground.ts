import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { migrateQueue } from '../../src/adapters/bullmq/migrate-queue.js';
import { createKeyFile } from '../../src/adapters/local-keyring/key-file.js';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { type Janitor, startJanitor } from '../../src/embedded/demo/janitor.js';
import type { LoginPlace } from '../../src/embedded/demo/login.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres.js';
import { startRedis } from '../support/redis.js';
import { testServerSettings } from '../support/test-server.js';
import { consumerNames, filesIn, kindOf, names, secrets } from './cast.js';
import { configuration } from './configuration.js';
import { installPackage } from './installed-package.js';
import { type QueueFlush, flushPostgres, flushRedis } from './queue-flush.js';
import { type RunningConsumer, startConsumer } from './running-consumer.js';

/** Which queue backend rings. */
export type QueueKind = 'redis' | 'postgres';

/** Everything a run stands on. */
export interface Ground {
  readonly server: EmbeddedPostgres;
  readonly target: LoginPlace;
  readonly janitor: Janitor;
  readonly configFile: string;
  /** The command of the built package. */
  readonly program: string;
  /** As the worker's role. */
  readonly urls: { readonly database: string; readonly queue: string };
  readonly flush: QueueFlush;
  readonly consumers: readonly RunningConsumer[];
}

/** Everything is searched for leaked values; that many statements are not all logged. */
const settings = { ...testServerSettings, log_statement: 'none', max_connections: '500' };

/** What is taken down at the end, the last put up first. */
export type TakeDown = (() => Promise<unknown>)[];

/**
 * Puts up a PostgreSQL, a queue, the four consumers and the configuration. What stands when something fails is in
 * `takeDown` all the same. The server does not flush to disk: no machine crashes here, only processes do.
 */
export async function buildGround(queue: QueueKind, takeDown: TakeDown): Promise<Ground> {
  const janitor = await startJanitor();
  takeDown.push(() => janitor.cleanUp());
  const program = await installPackage(janitor.folder);
  const server = await startEmbeddedPostgres({ fsync: false, settings });
  takeDown.push(() => server.stop());
  const passwords = { worker: password(), reader: password(), admin: password() };
  await makeDatabases(server, passwords);
  const urlAs = (role: string, word: string): string =>
    `postgres://${role}:${word}@127.0.0.1:${server.port}/${names.stateDatabase}`;
  const owned = server.url(names.stateDatabase);
  const database = urlAs(names.workerRole, passwords.worker);
  const redisUrl = queue === 'redis' ? await redisOfOurOwn(takeDown) : undefined;
  await migrate(owned, { appRole: names.workerRole });
  await migrateQueue(redisUrl ?? owned, { appRole: names.workerRole });
  await grantReader(owned);

  const files = filesIn(janitor.folder);
  await createKeyFile(files.key);
  const write = (path: string, text: string): Promise<void> => writeFile(path, text, { mode: 0o600, flag: 'wx' });
  await write(files.adminPassword, passwords.admin);
  const target = { port: server.port, database: names.targetDatabase };
  const consumers = await Promise.all(
    consumerNames.map(async (name) => {
      const consumerKey = `whsec_${randomBytes(32).toString('base64')}`;
      await write(files.consumerKey(name), consumerKey);
      const stateUrl = urlAs(names.readerRole, passwords.reader);
      const order = { name, kind: kindOf(name), stateUrl, keyFile: files.key, consumerKey, target };
      const place = { folder: join(files.consumers, name), watch: janitor.watch };
      const consumer = await startConsumer(order, place);
      takeDown.push(() => consumer.finish());
      return consumer;
    }),
  );
  const consumerPorts = new Map(consumers.map(({ name, port }) => [name, port]));
  await write(files.config, configuration({ port: server.port, consumerPorts }));
  return {
    server,
    target,
    janitor,
    configFile: files.config,
    program,
    urls: { database, queue: redisUrl ?? database },
    flush: redisUrl === undefined ? flushPostgres(owned) : flushRedis(redisUrl),
    consumers,
  };
}

/** One that nobody else uses: it is flushed. Where a URL names a shared one, a numbered database of it. */
async function redisOfOurOwn(takeDown: TakeDown): Promise<string> {
  const redis = await startRedis();
  if (redis.kind === 'unavailable') throw new Error(redis.reason);
  takeDown.push(() => redis.stop());
  const url = new URL(redis.url);
  url.pathname = '/11';
  return url.href;
}

const password = (): string => randomBytes(24).toString('base64url');
const quoted = pg.escapeIdentifier;

/** Makes the two databases and every role but the logins that are rotated: those are Keyturn's to make. */
async function makeDatabases(
  server: EmbeddedPostgres,
  passwords: { readonly worker: string; readonly reader: string; readonly admin: string },
): Promise<void> {
  const admin = quoted(names.adminRole);
  await run(server.url('postgres'), [
    // Statements with a password in them are kept out of the statistics, and out of the log where they fail.
    `SET log_min_error_statement = 'panic'`,
    `SET pg_stat_statements.track = 'none'`,
    ...[
      [names.workerRole, passwords.worker, ''] as const,
      [names.readerRole, passwords.reader, ''] as const,
      [names.adminRole, passwords.admin, ' CREATEROLE'] as const,
    ].map(([role, word, rights]) => `CREATE ROLE ${quoted(role)} LOGIN${rights} PASSWORD ${pg.escapeLiteral(word)}`),
    `GRANT pg_read_all_stats, pg_signal_backend TO ${admin}`,
    ...secrets.flatMap(({ owner }) => [
      `CREATE ROLE ${quoted(owner)} NOLOGIN`,
      `GRANT ${quoted(owner)} TO ${admin} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
    ]),
    `CREATE DATABASE ${quoted(names.stateDatabase)}`,
    `CREATE DATABASE ${quoted(names.targetDatabase)}`,
  ]);
  await run(
    server.url(names.targetDatabase),
    secrets.flatMap(({ owner, table }) => [
      `CREATE TABLE ${table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cents integer NOT NULL)`,
      `ALTER TABLE ${table} OWNER TO ${quoted(owner)}`,
    ]),
  );
}

/** After the migration: consumers may read the store, and nothing else of the state. */
async function grantReader(stateUrl: string): Promise<void> {
  const role = quoted(names.readerRole);
  await run(stateUrl, [
    `GRANT USAGE ON SCHEMA keyturn TO ${role}`,
    `GRANT SELECT ON keyturn.versions, keyturn.labels TO ${role}`,
  ]);
}

async function run(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
