import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { openSecret } from '../../core/secret.js';
import type { ConnectOptions, QueueBackend } from './queue-backend.js';
import type { RedisServer } from './queue-url.js';
import { connectTimeoutMs, workerOptions } from './worker-options.js';

/** See `connectQueue`. */
export async function connectRedis(options: ConnectOptions & { readonly server: RedisServer }): Promise<QueueBackend> {
  const { server, prefix, onError } = options;
  // Fails at once instead of queueing while the server is away, and stays failed: a new one is made then.
  const client = new Redis({
    ...redisOptions(server),
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on('error', onError);
  client.on('end', () => onError(undefined));
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    client.disconnect();
    throw error;
  }
  return {
    queue: (name) =>
      new Queue(name, { connection: client, prefix, streams: { events: { maxLen: 100 } }, skipVersionCheck: true }),
    worker: (name, processor, concurrency) =>
      new Worker(name, processor, {
        ...workerOptions,
        connection: redisOptions(server),
        prefix,
        concurrency,
        skipVersionCheck: true,
      }),
    ping: async () => void (await client.ping()),
    end: async () => client.disconnect(),
  };
}

/** The slice of the driver's options that we set. */
interface RedisFields {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly connectTimeout: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly servername: string };
}

/** BullMQ refuses anything but `maxRetriesPerRequest: null` for connections that block, and takes its own for others. */
function redisOptions({ host, port, username, password, database, tls }: RedisServer): RedisFields {
  return {
    host,
    port,
    db: database,
    connectTimeout: connectTimeoutMs,
    ...(username === undefined ? {} : { username }),
    // The driver takes text only.
    ...(password === undefined ? {} : { password: Buffer.from(openSecret(password)).toString('utf8') }),
    ...(tls ? { tls: { servername: host } } : {}),
  };
}
