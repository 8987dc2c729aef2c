import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { isKeyturnError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { Acks, KnownChallenge } from '../ports/challenges.js';
import { readAck } from './ack-shape.js';
import { type HttpServer, httpServer, listen } from './http-server.js';
import { type InstancesOptions, serveInstances } from './instances.js';

/** What acks are taken with. */
export interface AcksOptions {
  /** Default `127.0.0.1`. */
  readonly address?: string;
  /** Default 9465; 0 takes a free one. */
  readonly port?: number;
  readonly acks: Acks;
  /** Whether the consumer that was asked is still declared. */
  readonly isDeclared: (challenge: KnownChallenge) => boolean;
  /** Whether the consumer that was asked has signed this; `keyless`: it has no key. */
  readonly verify: (
    challenge: KnownChallenge,
    message: { readonly headers: IncomingHttpHeaders; readonly body: string },
  ) => Promise<'signed' | 'unsigned' | 'keyless'>;
  /** Told of a nonce that nobody knows. Not in the database: anybody could fill it. */
  readonly onUnknown: () => void;
  /** Told of an error of ours: its code, never what was sent. */
  readonly onTrouble: (code: string) => void;
  /** Serves `POST /v1/instances` too. */
  readonly instances?: InstancesOptions;
}

/** Of a body, which holds a reason of 4,096 characters at most. */
const MAX_BYTES = 8_192;

const tooLate = {
  replayed: { status: 409, error: 'this nonce was answered before: wait for the next challenge' },
  expired: { status: 410, error: 'this nonce is too old, or its rotation has ended: answer within 60 s' },
} as const;

const unknown = 'nobody was asked by this nonce';
const notSigned =
  'this is not signed by the consumer that was asked: sign it with its key as Standard Webhooks says, with the time of now';
const mayNotRefuse =
  'a consumer without a key may prove and not refuse, or anybody could turn a rotation back: give it a key in the configuration';
const notNow = 'this cannot be taken now: send it again';

/**
 * Serves `POST /v1/acks`, where consumers answer challenges that they did not answer in the response.
 *
 * It opens no secret: an ack is taken and sealed, and the worker that looks at the rotation next tells what it is worth.
 * *Shape* of answers: 202 `{ "status": "received" }`; otherwise `{ "error": "…" }`: 400, 401, 404, 409 (answered before),
 * 410 (too late), 413, 503 (send it again). *Errors* `ADDRESS_IN_USE`, `SETTING_INVALID` where it cannot listen.
 */
export async function startAcksServer(options: AcksOptions): Promise<HttpServer> {
  const { address = '127.0.0.1', port = 9465 } = options;
  const server = httpServer({ bodyLimit: MAX_BYTES });
  // The signature is over the bytes, whatever they are called.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  server.post('/v1/acks', async (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
    try {
      return await take(options, { headers: request.headers, body }, reply);
    } catch (error) {
      options.onTrouble(isKeyturnError(error) ? error.code : 'UNKNOWN');
      return reply.code(503).header('retry-after', '1').send({ error: notNow });
    }
  });
  if (options.instances !== undefined) serveInstances(server, options.instances, options.onTrouble);
  return listen(server, { address, port, setting: 'the address for acks' });
}

async function take(
  { acks, isDeclared, verify, onUnknown }: AcksOptions,
  message: { readonly headers: IncomingHttpHeaders; readonly body: string },
  reply: FastifyReply,
): Promise<FastifyReply> {
  const answer = (status: number, error: string) => reply.code(status).send({ error });
  const ack = readAck(message.body);
  if (typeof ack === 'string') return answer(400, ack);
  const challenge = await acks.find(ack.nonce);
  if (challenge === null || !isDeclared(challenge)) {
    onUnknown();
    return answer(404, unknown);
  }
  const signed = await verify(challenge, message);
  if (signed === 'unsigned' || (signed === 'keyless' && ack.isRefusal)) {
    await acks.unsigned(challenge);
    return answer(401, signed === 'unsigned' ? notSigned : mayNotRefuse);
  }
  const said = Secret.fromText(JSON.stringify(ack.said));
  const taken = await acks.take(challenge, { said, isRefusal: ack.isRefusal }).finally(() => said.wipe());
  if (taken === 'received') return reply.code(202).send({ status: 'received' });
  return answer(tooLate[taken].status, tooLate[taken].error);
}
