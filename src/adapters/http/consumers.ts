import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { parseCredential } from '../../core/credential.js';
import type { PlannedConsumer } from '../../core/plan.js';
import type { Secret } from '../../core/secret.js';
import type { Bound, ConsumerAnswer, ConsumersPort, Scope } from '../../ports/step-ports.js';
import { type Challenge, isProof } from './consumer-proof.js';
import { wordsWithout } from './consumer-words.js';
import { type Answered, type OutboundOptions, outbound } from './outbound.js';
import { type SigningKeys, keyName, signer } from './signing.js';

/** How {@link httpConsumers} asks. */
export interface HttpConsumersOptions extends OutboundOptions {
  /** By {@link keyName} of environment and consumer. A consumer without a key is asked by unsigned challenges. */
  readonly keys: SigningKeys;
  /** For one consumer; never more than the step has left. Default 10 s. */
  readonly timeoutMs?: number;
}

/** What of the step's time is kept for writing down the answers. */
const RESERVE_MS = 500;

/** `{"instance":"web-1","proof":"…"}`, or in place of the proof `"refused":"why"` or `"pending":true`. */
const answerShape = z.object({
  instance: z.string().regex(/^[\w.:@/-]{1,128}$/),
  proof: z.string().max(128).optional(),
  refused: z.string().max(4096).optional(),
  pending: z.literal(true).optional(),
});

/**
 * Asks consumers over HTTP, all at once: a signed POST to each, answered by a proof in the body of a 2xx.
 *
 * A dead consumer costs its time-out and no more; the others' answers stand. A wrong proof is `pending`: it shows that
 * the value is not held, not that it does not work.
 */
export function httpConsumers({ keys, timeoutMs = 10_000, ...reach }: HttpConsumersOptions): Bound<ConsumersPort> {
  const sign = signer(keys);
  const post = outbound(reach);

  async function ask(scope: Scope, consumer: PlannedConsumer, asked: Asked): Promise<ConsumerAnswer> {
    if (consumer.url === null) return answerOf(consumer, 'pending', 'it has no address');
    const challenge = challengeOf(scope, asked);
    const message = { id: `challenge_${challenge.nonce}`, atMs: scope.nowMs, body: bodyOf(scope, challenge) };
    const posted = await post({
      url: consumer.url,
      headers: (await sign(keyName(challenge.environment, consumer.name), message)) ?? {
        'content-type': 'application/json',
        'webhook-id': message.id,
      },
      body: message.body,
      timeoutMs: Math.max(1, Math.min(timeoutMs, scope.deadlineMs - RESERVE_MS)),
      signal: scope.signal,
    });
    return judge(consumer, posted, { challenge, value: asked.value });
  }

  return {
    challenge: async (scope, phase, version, document) => {
      const { plan } = scope;
      const { value } = parseCredential(document, plan.fields, plan.secret);
      const consumers = plan.consumers.filter(({ canary }) => phase === 'drain' || canary);
      try {
        return await Promise.all(consumers.map((consumer) => ask(scope, consumer, { phase, version, value })));
      } finally {
        value.wipe();
      }
    },
  };
}

interface Asked {
  readonly phase: 'canary' | 'drain';
  readonly version: number;
  /** The credential's value alone. */
  readonly value: Secret;
}

/** Each consumer has a nonce of its own each time, so that no proof serves twice or for another. */
function challengeOf({ plan }: Scope, { phase, version }: Asked): Challenge {
  return {
    phase,
    nonce: randomBytes(24).toString('base64url'),
    environment: plan.environment,
    secret: plan.secret,
    rotation: plan.rotationId,
    version,
  };
}

function bodyOf({ nowMs }: Scope, challenge: Challenge): string {
  const { environment, secret, rotation, version, phase, nonce } = challenge;
  return JSON.stringify({
    type: phase === 'canary' ? 'rotation.canary' : 'rotation.promoted',
    timestamp: new Date(nowMs).toISOString(),
    data: { environment, secret, rotation, version, phase, nonce },
  });
}

function judge(
  consumer: PlannedConsumer,
  posted: Answered,
  { challenge, value }: { readonly challenge: Challenge; readonly value: Secret },
): ConsumerAnswer {
  if (posted.kind === 'unreachable') return answerOf(consumer, 'unreachable', posted.reason);
  if (posted.status < 200 || posted.status > 299)
    return answerOf(consumer, 'unreachable', `it answered ${posted.status}`);
  const answer = parse(posted.body);
  if (answer === undefined || wordsWithout(value, answer.instance) === undefined) {
    return answerOf(consumer, 'pending', 'its answer could not be read');
  }
  const { instance, proof, refused, pending } = answer;
  if (refused !== undefined) {
    const words = wordsWithout(value, refused) ?? 'its reason held a part of the value and was dropped';
    return answerOf(consumer, 'refused', words, instance);
  }
  if (pending === true) return answerOf(consumer, 'pending', 'it does not use this version yet', instance);
  if (proof === undefined) return answerOf(consumer, 'pending', 'its answer holds no proof', instance);
  return isProof(proof, value, { challenge, instance })
    ? answerOf(consumer, 'proved', '', instance)
    : answerOf(consumer, 'pending', 'its proof is not one of this version', instance);
}

function parse(body: Buffer | null): z.infer<typeof answerShape> | undefined {
  if (body === null) return undefined;
  try {
    return answerShape.safeParse(JSON.parse(body.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

function answerOf(
  { name }: PlannedConsumer,
  answer: ConsumerAnswer['answer'],
  reason: string,
  instance: string | null = null,
): ConsumerAnswer {
  return { consumer: name, instance, answer, reason };
}
