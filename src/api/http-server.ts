import type { FastifyInstance, FastifyReply } from 'fastify';
import { fastify } from 'fastify';
import { keyturnError } from '../core/errors.js';

/** A server that accepts connections. */
export interface HttpServer {
  /** `http://127.0.0.1:7070`. */
  readonly url: string;
  /** Accepts nothing more and resolves when requests in work are answered. *Repeat*: harmless. */
  readonly close: () => Promise<void>;
}

/** Where a server listens. */
export interface Listen {
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What names the address where it cannot be listened on: `the health address`. */
  readonly setting: string;
}

/**
 * A server with no routes yet, which tells whoever asks from outside nothing of what went wrong inside. `bodyLimit`: a
 * longer body is answered with 413. Bytes.
 */
export function httpServer({ bodyLimit }: { readonly bodyLimit: number }): FastifyInstance {
  const server = fastify({
    logger: false,
    bodyLimit,
    requestTimeout: 10_000,
    // A URL that no router can read never reaches the handlers below.
    // Its type is open to routes that declare their replies; none of ours does.
    frameworkErrors: (_error, _request, reply) =>
      void (reply as unknown as FastifyReply).code(400).send({ error: 'bad request' }),
  });
  server.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store');
    done();
  });
  server.setErrorHandler(async (error: { readonly statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status === 413) return reply.code(413).send({ error: `the body is longer than ${bodyLimit} bytes` });
    return reply.code(status < 500 ? status : 500).send({ error: status < 500 ? 'bad request' : 'internal' });
  });
  server.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ error: 'not found' }));
  return server;
}

/** Begins to accept connections. *Errors* `ADDRESS_IN_USE`, `SETTING_INVALID` where it cannot listen. */
export async function listen(server: FastifyInstance, { address, port, setting }: Listen): Promise<HttpServer> {
  try {
    const url = await server.listen({ host: address, port });
    return { url, close: async () => server.close() };
  } catch (error) {
    await server.close();
    throw unlistened(error, `${address}:${port}`, setting);
  }
}

function unlistened(error: unknown, where: string, setting: string): Error {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return keyturnError('ADDRESS_IN_USE', { address: where });
  return keyturnError('SETTING_INVALID', {
    setting,
    finding: `${where} cannot be listened on (${typeof code === 'string' ? code : 'unknown'})`,
    cure: 'Name an address of this machine and a port that this user may open.',
  });
}
