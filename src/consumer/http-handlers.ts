import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Consumer } from './consumer.js';

/** No webhook of Keyturn is as long. Bytes. */
const maxBytes = 65_536;

/** A request of `node:http`, or of Express. */
type NodeRequest = IncomingMessage & { readonly body?: unknown };

/**
 * For `node:http`, and for Express: `app.post('/keyturn', nodeHandler(consumer))`. In Express it stands before
 * `express.json()`, or behind `express.raw({ type: '*\/*' })`: a body that was parsed does not verify.
 */
export function nodeHandler(consumer: Consumer): (request: NodeRequest, response: ServerResponse) => void {
  const handle = async (request: NodeRequest, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end();
    const body = await bodyOf(request);
    if (body === undefined) return void response.writeHead(413, { connection: 'close' }).end();
    const answer = await consumer.answer({ body, headers: request.headers });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  };
  return (request, response) => {
    handle(request, response).catch(() => {
      // The connection broke, or the body was parsed by somebody else.
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  };
}

/** For Hono and whatever else speaks in `Request` and `Response`: `app.post('/keyturn', (c) => handle(c.req.raw))`. */
export function fetchHandler(consumer: Consumer): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== 'POST') return new Response(null, { status: 405, headers: { allow: 'POST' } });
    const body = request.body === null ? Buffer.alloc(0) : await atMost(request.body);
    if (body === undefined) return new Response(null, { status: 413 });
    const answer = await consumer.answer({ body, headers: Object.fromEntries(request.headers) });
    const hasBody = answer.body !== '';
    return new Response(hasBody ? answer.body : null, { status: answer.status, headers: answer.headers });
  };
}

/** The parts of a Fastify instance that are used. */
interface FastifyLike {
  removeAllContentTypeParsers(): void;
  addContentTypeParser(
    type: string,
    options: { readonly parseAs: 'buffer'; readonly bodyLimit: number },
    parse: (request: unknown, body: Buffer, done: (error: null, body: Buffer) => void) => void,
  ): unknown;
  post(
    path: string,
    handle: (
      request: { readonly body: unknown; readonly headers: IncomingMessage['headers'] },
      reply: FastifyReplyLike,
    ) => Promise<unknown>,
  ): unknown;
}

interface FastifyReplyLike {
  code(status: number): FastifyReplyLike;
  headers(headers: Readonly<Record<string, string>>): FastifyReplyLike;
  send(body: string): unknown;
}

/**
 * For Fastify: `app.register(fastifyPlugin(consumer), { prefix: '/keyturn' })`. The parsers of the rest of the application
 * are left alone.
 */
export function fastifyPlugin(consumer: Consumer): (app: FastifyLike) => Promise<void> {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: maxBytes }, (_request, body, done) => {
      done(null, body);
    });
    app.post('/', async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : '';
      const answer = await consumer.answer({ body, headers: request.headers });
      return reply.code(answer.status).headers(answer.headers).send(answer.body);
    });
  };
}

/** *Returns* undefined where it is too long. *Errors*: `TypeError` where somebody has parsed it. */
async function bodyOf(request: NodeRequest): Promise<Buffer | undefined> {
  const { body } = request;
  const read = typeof body === 'string' ? Buffer.from(body) : body;
  if (Buffer.isBuffer(read)) return read.length > maxBytes ? undefined : read;
  if (request.readableEnded) throw new TypeError('the body was parsed before: put the handler before express.json()');
  return atMost(request);
}

async function atMost(chunks: AsyncIterable<unknown>): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    const part = Buffer.from(chunk as Uint8Array);
    bytes += part.length;
    if (bytes > maxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
