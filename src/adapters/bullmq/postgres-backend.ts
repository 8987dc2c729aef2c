import type { PostgresConnectionOptions } from 'bullmq';
import { assertSchemaCompatibility, createPostgresBackend, LATEST_SCHEMA_VERSION, Queue, Worker } from 'bullmq';
import pg from 'pg';
import { keyturnError } from '../../core/errors.js';
import { type Secret, openSecret } from '../../core/secret.js';
import type { ConnectOptions, QueueBackend } from './queue-backend.js';
import type { LoginSource } from '../../ports/login.js';
import type { PostgresServer } from './queue-url.js';
import { connectTimeoutMs, workerOptions } from './worker-options.js';

/** Where the queue's tables live. */
export const queueSchema = 'bullmq';

/** How often it is asked as whom to log in. A client that listens is never given back, and would stay who it was. Milliseconds. */
const RENEW_EVERY_MS = 5_000;

/** See `connectQueue`. *Errors* `DATABASE_UNMIGRATED`, or the driver's. */
export async function connectPostgres(
  options: ConnectOptions & { readonly server: PostgresServer },
): Promise<QueueBackend> {
  const { server, login, onError } = options;
  // One pool for all. Each worker keeps one client of it to listen on.
  const pool = new pg.Pool({
    ...postgresOptions(server),
    ...(login === undefined ? {} : { Client: loggingIn(login) }),
    max: 6,
    // BullMQ's functions name their tables without a schema.
    options: `-c search_path=${queueSchema}`,
  });
  // BullMQ knows a pool when it sees one; its type wants an index signature that a class does not have.
  const connection = pool as unknown as PostgresConnectionOptions;
  const sockets = trackSockets(pool);
  const renewing = login === undefined ? undefined : setInterval(() => sockets.destroyOthers(login), RENEW_EVERY_MS);
  renewing?.unref();
  pool.on('error', onError);
  try {
    await assertMigrated(pool);
  } catch (error) {
    clearInterval(renewing);
    await pool.end();
    throw error;
  }
  return {
    queue: (name) => new Queue(name, { connection, streams: { events: { maxLen: 100 } } }, createPostgresBackend),
    worker: (name, processor, concurrency) =>
      new Worker(name, processor, { ...workerOptions, connection, concurrency }, createPostgresBackend),
    ping: async () => assertMigrated(pool),
    end: async (force) => {
      clearInterval(renewing);
      if (force) sockets.destroy();
      await pool.end();
    },
  };
}

/** The driver's options, for a pool or a client. The password is a function, so that no print of them shows it. */
export function postgresOptions({ host, port, user, password, database, ssl }: PostgresServer): pg.ClientConfig {
  return {
    host,
    port,
    ssl,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    application_name: 'keyturn-queue',
    ...(user === undefined ? {} : { user }),
    ...(database === undefined ? {} : { database }),
    ...(password === undefined ? {} : { password: asText(password) }),
  };
}

/** The driver takes text only. */
const asText = (password: Secret) => (): string => Buffer.from(openSecret(password)).toString('utf8');

/** The driver's options, logged in as a source says now. */
export function loggedIn(options: pg.ClientConfig, login: LoginSource | undefined): pg.ClientConfig {
  if (login === undefined) return options;
  const { user, password } = login.current();
  return { ...options, user, password: asText(password) };
}

function loggingIn(login: LoginSource): typeof pg.Client {
  return class extends pg.Client {
    constructor(config: pg.ClientConfig) {
      super(loggedIn(config, login));
    }
  };
}

async function assertMigrated(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  let problem: Error | undefined;
  try {
    const version = await assertSchemaCompatibility(client, queueSchema);
    if (version < LATEST_SCHEMA_VERSION) throw keyturnError('DATABASE_UNMIGRATED');
  } catch (error) {
    problem = error instanceof Error ? error : undefined;
    throw error instanceof Error && error.name === 'SchemaMigrationRequiredError'
      ? keyturnError('DATABASE_UNMIGRATED')
      : error;
  } finally {
    client.release(problem);
  }
}

/** The slice of a client that is its socket, and who it is. */
interface WithSocket {
  readonly user?: string;
  readonly connection?: { readonly stream?: { destroy(): void } };
}

function trackSockets(pool: pg.Pool): { destroy(): void; destroyOthers(login: LoginSource): void } {
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    clients.add(client);
    // A client that is out on loan tells of its end itself; its borrower's query fails as well.
    client.on('error', () => {});
  });
  pool.on('remove', (client) => clients.delete(client));
  // @types/pg does not tell of the connection inside a pooled client.
  const all = (): readonly WithSocket[] => [...clients] as readonly WithSocket[];
  return {
    destroy: () => {
      for (const { connection } of all()) connection?.stream?.destroy();
    },
    // Whoever used one rings again, or connects anew.
    destroyOthers: (login) => {
      const { user } = login.current();
      for (const client of all()) if (client.user !== user) client.connection?.stream?.destroy();
    },
  };
}
