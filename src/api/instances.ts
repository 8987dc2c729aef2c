import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isKeyturnError } from '../core/errors.js';
import type { InstanceRegister } from '../ports/instances.js';
import { readInstance } from './instance-shape.js';

/** A message as it came, and the time by which its signature is judged. */
interface Message {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** What the word of instances is taken with. */
export interface InstancesOptions {
  readonly register: InstanceRegister;
  readonly isDeclared: (of: { readonly secret: string; readonly consumer: string }) => boolean;
  /** Whether it is declared with `instances: 'registered'`: the word of others would be looked at by nobody. */
  readonly isCounted: (of: { readonly secret: string; readonly consumer: string }) => boolean;
  /** Whether this consumer has signed it. */
  readonly verify: (
    of: { readonly secret: string; readonly consumer: string },
    message: Message,
  ) => Promise<'signed' | 'unsigned' | 'keyless'>;
  /** Why nothing would be sent to this address; undefined: it would. */
  readonly refusalOf: (secret: string, url: string) => Promise<string | undefined>;
}

const notSigned =
  'this is not signed by a consumer that is declared: sign it with its key as Standard Webhooks says, with the time of now';
const notCounted = "nobody waits for single instances of this consumer: declare instances: 'registered' for it";
const answers = {
  noted: { status: 202, body: { status: 'noted' } },
  stale: { status: 409, body: { error: 'this instance has said something else since' } },
  full: { status: 409, body: { error: 'this consumer has 1000 instances: let those that go say so' } },
  unknown: { status: 503, body: { error: 'no worker has declared this secret yet: send it again' } },
} as const;

/**
 * Serves `POST /v1/instances`, where running copies of consumers say that they are there, again and again, or go. Who is not
 * declared is answered as who has not signed: it is nobody's business which secrets there are.
 */
export function serveInstances(
  server: FastifyInstance,
  options: InstancesOptions,
  onTrouble: (code: string) => void,
): void {
  server.post('/v1/instances', async (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
    try {
      return await take(options, { headers: request.headers, body }, reply);
    } catch (error) {
      onTrouble(isKeyturnError(error) ? error.code : 'UNKNOWN');
      return reply.code(503).header('retry-after', '1').send({ error: 'this cannot be taken now: send it again' });
    }
  });
}

async function take(
  { register, isDeclared, isCounted, verify, refusalOf }: InstancesOptions,
  message: Omit<Message, 'nowMs'>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const word = readInstance(message.body);
  if (typeof word === 'string') return reply.code(400).send({ error: word });
  const { secret, consumer, instance, url = null, leaves = false } = word;
  const of = { secret, consumer };
  const signed = isDeclared(of) ? await verify(of, { ...message, nowMs: await register.nowMs() }) : 'unsigned';
  if (signed !== 'signed') return reply.code(401).send({ error: notSigned });
  if (!isCounted(of)) return reply.code(409).send({ error: notCounted });
  const refusal = url === null || leaves ? undefined : await refusalOf(secret, url);
  if (refusal !== undefined) return reply.code(400).send({ error: `url: ${refusal}` });
  // Part of what was signed.
  const saidAtS = Number(message.headers['webhook-timestamp']);
  const { status, body } = answers[await register.note({ secret, consumer, instance, url, leaves, saidAtS })];
  return reply.code(status).send(body);
}
