import { parseCredential } from '../../core/credential.js';
import type { Challenges } from '../../ports/challenges.js';
import type { Instances } from '../../ports/instances.js';
import type { Bound, ConsumerAnswer, ConsumersPort, Scope } from '../../ports/step-ports.js';
import { type Addressee, addresseesOf, answersOf } from './addressees.js';
import { type Against, judgeAnswer, judgeLater } from './consumer-answer.js';
import type { Challenge } from './consumer-proof.js';
import { type Asked, lateAnswers, withLate } from './late-answers.js';
import { type Answered, type OutboundOptions, outbound } from './outbound.js';
import { type SigningKeys, keyName, signer } from './signing.js';

/** How {@link httpConsumers} asks. */
export interface HttpConsumersOptions extends OutboundOptions {
  /** By {@link keyName} of environment and consumer. A consumer without a key is asked by unsigned challenges. */
  readonly keys: SigningKeys;
  /** For one consumer; never more than the step has left. Default 10 s. */
  readonly timeoutMs?: number;
  /** Takes values that this process has seen out of what a consumer says. Default: leaves it as it is. */
  readonly clean?: (words: string) => string;
  /** Where nonces are kept for who answers later. Absent: nobody can. */
  readonly challenges?: Challenges | undefined;
  /** Who has registered. Absent: nobody can. */
  readonly instances?: Instances | undefined;
}

/** What of the step's time is kept for writing down the answers. */
const RESERVE_MS = 500;

/**
 * Asks consumers over HTTP, all at once: a signed POST to each, answered by a proof in the body of a 2xx. With
 * `challenges` one may answer 202 with no more than its instance, and later by an ack, which counts at the next looks.
 *
 * A dead consumer costs its time-out and no more; the others' answers stand. Once one has refused after the promotion
 * nobody is waited for.
 */
export function httpConsumers(options: HttpConsumersOptions): Bound<ConsumersPort> {
  const { keys, timeoutMs = 10_000, clean = (words) => words, challenges, instances, ...reach } = options;
  const sign = signer(keys);
  const post = outbound(reach);

  async function ask(
    scope: Scope,
    { consumer, nonce, url }: Addressee,
    { refused, ...asked }: Asked & { readonly refused: AbortController },
  ): Promise<ConsumerAnswer> {
    if (url === null) {
      return { consumer: consumer.name, instance: null, answer: 'pending', reason: 'it has no address' };
    }
    const challenge = challengeOf(scope, nonce, asked);
    const message = { id: `challenge_${nonce}`, atMs: scope.nowMs, body: bodyOf(scope, challenge) };
    const posted = await post({
      url,
      headers: (await sign(keyName(challenge.secret, consumer.name), message)) ?? {
        'content-type': 'application/json',
        'webhook-id': message.id,
      },
      body: message.body,
      timeoutMs: Math.max(1, Math.min(timeoutMs, scope.deadlineMs - RESERVE_MS)),
      signal: AbortSignal.any([scope.signal, refused.signal]),
    });
    const judged = judge(posted, { challenge, value: asked.value, clean });
    // Who hangs must not keep the old credential off for whoever needs it. Canaries are waited for: one that is just trying the
    // pending version would meet it switched off.
    if (judged.answer === 'refused' && asked.phase === 'drain') refused.abort();
    return { consumer: consumer.name, ...judged };
  }

  /** Before anything is sent: an answer may be back before the request is over. */
  async function issue(scope: Scope, addressed: readonly Addressee[], { phase, version }: Asked): Promise<void> {
    const nonces = addressed.flatMap(({ consumer, nonce, url }) =>
      url === null ? [] : [{ nonce, consumer: consumer.name }],
    );
    if (nonces.length > 0) await challenges?.issue(scope, { phase, version }, nonces);
  }

  return {
    challenge: async (scope, phase, version, document) => {
      const { plan } = scope;
      const { value } = parseCredential(document, plan.fields, plan.secret);
      const asked = { phase, version, value, clean };
      const consumers = plan.consumers.filter(({ canary }) => phase === 'drain' || canary);
      try {
        const isCounted = consumers.some((each) => each.instances === 'registered');
        const registered = isCounted ? ((await instances?.registered(scope)) ?? []) : [];
        const addressed = addresseesOf(consumers, registered);
        await issue(scope, addressed, asked);
        const refused = new AbortController();
        const directs = await Promise.all(
          addressed.map(async (each) => ({ ...each, answer: await ask(scope, each, { ...asked, refused }) })),
        );
        const answers = answersOf(directs, registered);
        if (challenges === undefined) return answers;
        await challenges.answered(directs.filter(({ answer }) => isFinal(answer)).map(({ nonce }) => nonce));
        return withLate(answers, await lateAnswers(challenges, scope, asked), consumers);
      } finally {
        value.wipe();
      }
    },
  };
}

/** Nothing that comes later can add to it. */
const isFinal = ({ answer }: ConsumerAnswer): boolean => answer === 'proved' || answer === 'refused';

function challengeOf({ plan }: Scope, nonce: string, { phase, version }: Asked): Challenge {
  return {
    phase,
    nonce,
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

function judge(posted: Answered, against: Against): Omit<ConsumerAnswer, 'consumer'> {
  if (posted.kind === 'unreachable') return { instance: null, answer: 'unreachable', reason: posted.reason };
  const { status, body } = posted;
  if (status < 200 || status > 299) {
    return { instance: null, answer: 'unreachable', reason: `it answered ${status}` };
  }
  if (status === 202) return judgeLater(body, against);
  return judgeAnswer(body, against);
}
