import type { FastifyInstance, FastifyReply } from 'fastify';
import { fastify } from 'fastify';
import { keyturnError } from '../core/errors.js';

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

/** A health server that accepts connections. */
export interface HealthServer {
  /** `http://127.0.0.1:7070`. */
  readonly url: string;
  /** Accepts nothing more and resolves when requests in work are answered. *Repeat*: harmless. */
  readonly close: () => Promise<void>;
}

/**
 * Serves `/livez` (the process answers), `/readyz` (the state database is there and migrated) and `/metrics`.
 *
 * *Shape* of `/readyz`: `{ "status": "ready", "database": "ready", "queue": "down" }`, 200 or 503. The queue is told of
 * and not asked for: without it work goes on by the sweep.
 *
 * *Errors* `ADDRESS_IN_USE`, `SETTING_INVALID` where it cannot listen.
 */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const { address = '127.0.0.1', port = 7070 } = options;
  const server = fastify({
    logger: false,
    bodyLimit: 1_024,
    requestTimeout: 10_000,
    // A URL that no router can read never reaches the handlers below.
    // Its type is open to routes that declare their replies; none of ours does.
    frameworkErrors: (_error, _request, reply) =>
      void (reply as unknown as FastifyReply).code(400).send({ error: 'bad request' }),
  });
  routes(server, options);
  try {
    const url = await server.listen({ host: address, port });
    return { url, close: async () => server.close() };
  } catch (error) {
    await server.close();
    throw unlistened(error, `${address}:${port}`);
  }
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
  server.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store');
    done();
  });
  // What went wrong inside is not the business of whoever asks from outside.
  server.setErrorHandler(async (error: { readonly statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    return reply.code(status < 500 ? status : 500).send({ error: status < 500 ? 'bad request' : 'internal' });
  });
  server.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ error: 'not found' }));
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

function unlistened(error: unknown, where: string): Error {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return keyturnError('ADDRESS_IN_USE', { address: where });
  return keyturnError('SETTING_INVALID', {
    setting: 'the health address',
    finding: `${where} cannot be listened on (${typeof code === 'string' ? code : 'unknown'})`,
    cure: 'Name an address of this machine and a port that this user may open.',
  });
}
