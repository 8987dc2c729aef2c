import type { FastifyInstance } from 'fastify';
import { type HttpServer, httpServer, listen } from './http-server.js';

/** What the state database says when it is asked. */
export type DatabaseHealth = 'ready' | 'unmigrated' | 'unreachable';

/** What the health server answers from. */
export interface HealthOptions {
  /** Default `127.0.0.1`: metrics name secrets' environments, so who else may read them is a decision. */
  readonly address?: string;
  /** Default 7070; 0 takes a free one. */
  readonly port?: number;
  /** A rejection counts as `unreachable`, and so does an answer after `timeoutMs`. */
  readonly database: () => Promise<DatabaseHealth>;
  readonly queue: () => 'ready' | 'down';
  readonly metrics: { readonly contentType: string; readonly read: () => Promise<string> };
  /** How long the database may take to answer. Milliseconds. Default 2,000. */
  readonly timeoutMs?: number;
}

/**
 * Serves `/livez` (the process answers), `/readyz` (the state database is there and migrated) and `/metrics`.
 *
 * *Shape* of `/readyz`: `{ "status": "ready", "database": "ready", "queue": "down" }`, 200 or 503. The queue is told of
 * and not asked for: without it work goes on by the sweep.
 *
 * *Errors* `ADDRESS_IN_USE`, `SETTING_INVALID` where it cannot listen.
 */
export async function startHealthServer(options: HealthOptions): Promise<HttpServer> {
  const { address = '127.0.0.1', port = 7070 } = options;
  const server = httpServer({ bodyLimit: 1_024 });
  routes(server, options);
  return listen(server, { address, port, setting: 'the health address' });
}

function routes(server: FastifyInstance, { database, queue, metrics, timeoutMs = 2_000 }: HealthOptions): void {
  server.get('/livez', async () => ({ status: 'live' }));
  server.get('/readyz', async (_request, reply) => {
    const answer = await inTime(timeoutMs, database(), 'unreachable' as const);
    const isReady = answer === 'ready';
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isReady ? 'ready' : 'not-ready', database: answer, queue: queue() });
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.read()));
}

/** The answer, or the other one where it fails or takes too long. */
async function inTime<T>(ms: number, answer: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), ms);
  });
  try {
    return await Promise.race([answer.catch(() => otherwise), late]);
  } finally {
    clearTimeout(timer);
  }
}
