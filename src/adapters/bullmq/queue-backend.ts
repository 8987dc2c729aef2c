import type { JobsOptions } from 'bullmq';
import type { LoginSource } from '../../ports/login.js';
import { connectPostgres } from './postgres-backend.js';
import type { QueueServer } from './queue-url.js';
import { connectRedis } from './redis-backend.js';

/** What is called with every job. */
export type Processor = (job: { readonly data: unknown }) => Promise<void>;

interface Closable {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<void>;
  close(): Promise<void>;
}

/** The slice of BullMQ's queue that we use, the same for both backends. */
export interface RingQueue extends Closable {
  add(name: string, data: unknown, options: JobsOptions): Promise<unknown>;
}

/** The slice of BullMQ's worker that we use, the same for both backends. */
export interface RingWorker extends Closable {
  /** Resolves when it has been closed. */
  run(): Promise<void>;
  /** Cuts its own connections. */
  disconnect(): Promise<void>;
}

/** Connections to one queue server that has just answered. They are thrown away whole, never mended. */
export interface QueueBackend {
  queue(name: string): RingQueue;
  /** Does not run yet. */
  worker(name: string, processor: Processor, concurrency: number): RingWorker;
  /** Rejects where the server does not answer, or is not ours any more. */
  ping(): Promise<void>;
  /** Closes what queues and workers, closed before, have left. With `force`, sockets are cut. */
  end(force: boolean): Promise<void>;
}

/** How to reach a server. */
export interface ConnectOptions {
  readonly server: QueueServer;
  /** As whom to log in to a PostgreSQL, where its URL does not say. */
  readonly login?: LoginSource | undefined;
  /** Keeps installations apart that share a Redis. */
  readonly prefix: string;
  /** Told of a connection that was lost in between. */
  readonly onError: (error: unknown) => void;
}

/**
 * Asks the server whether it is there and fit, before anything of BullMQ is built: what is built while it is not never
 * works again or spins without a pause (BullMQ 6.7, PostgreSQL backend). Rejects at once where it is not.
 */
export async function connectQueue(options: ConnectOptions): Promise<QueueBackend> {
  const { server } = options;
  switch (server.kind) {
    case 'redis':
      return connectRedis({ ...options, server });
    case 'postgres':
      return connectPostgres({ ...options, server });
    default:
      return server satisfies never;
  }
}
