import {
  type Answer,
  type AnswerOptions,
  type Held,
  type HeldChallenge,
  type OnAnswerError,
  answerChallenge,
  tellError,
} from './answer-challenge.js';
import { type Acked, type LaterOptions, answerLater } from './answer-later.js';
import type { HeldCredential } from './held-credential.js';
import type { LiveCredential } from './live-credential.js';

/** A secret that this process reads. */
export interface ConsumedSecret {
  /** What its pools log in with: the proof is made of what it holds. */
  readonly credential: LiveCredential;
  /** The field that is the value. Default `password`. */
  readonly field?: string;
  /**
   * Waits until what is opened uses the newest version, and says which. Needed where that takes a moment: `moved` of
   * `liveRedis`. Default: at once, as pools do.
   */
  readonly moved?: () => Promise<number>;
  /**
   * Logs in with a pending version, beside everything else. *Returns* false where it was refused, which turns the rotation
   * back; what it throws leaves the question open. Needed where this consumer is declared `canary`.
   */
  readonly tryPending?: (held: HeldCredential) => Promise<boolean>;
}

/** Where this process sends what it answers later. */
export interface AnswersLater extends Pick<LaterOptions, 'url' | 'timeoutMs'> {
  /** Told what became of each ack. What it throws is dropped. */
  readonly onAcked?: (acked: Acked) => void;
}

/** Who answers. */
export interface ConsumerOptions {
  /** `whsec_…`, as the configuration of Keyturn names it. Several while it is being replaced. */
  readonly key: string | readonly string[];
  /** Names this process among those of the application: letters, digits and `_ . : @ / -`, at most 128. */
  readonly instance: string;
  /** What this process was deployed as. A challenge of another environment is refused. */
  readonly environment: string;
  /** By path: `/prod/billing/db`. */
  readonly secrets: Readonly<Record<string, ConsumedSecret>>;
  /**
   * Answers each challenge with 202 at once, and sends what there is to say as an ack. Needed where `moved` or `tryPending`
   * may take longer than the ten seconds of a response: so they have half a minute. Default: in the response.
   */
  readonly later?: AnswersLater;
  /**
   * Told why a challenge is answered as `pending` where something threw: the reader, `moved` or `tryPending`; and of a
   * promotion after which the store could not be read. It comes as it was thrown and may quote a value. What it throws is
   * dropped.
   */
  readonly onError?: OnAnswerError;
}

/** A request as it came. */
export interface ConsumerRequest {
  /** To the byte. */
  readonly body: string | Buffer;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Answers what Keyturn sends: reads what it tells of, and proves what is held. */
export interface Consumer {
  /** Never throws for what the request holds. *Repeat*: harmless. */
  answer(request: ConsumerRequest): Promise<Answer>;
}

/** Joins the credentials of a process to the webhooks of Keyturn. The HTTP side: `nodeHandler`, `fetchHandler`, `fastifyPlugin`. */
export function createConsumer(options: ConsumerOptions): Consumer {
  const { key, instance, environment, secrets, later, onError } = options;
  const consumed = (secret: string): ConsumedSecret | undefined => {
    const path = secret.startsWith(`${environment}:`) ? secret.slice(environment.length + 1) : '';
    return Object.hasOwn(secrets, path) ? secrets[path] : undefined;
  };
  const held = async ({ phase, secret, version }: HeldChallenge): Promise<Held> => {
    const own = consumed(secret);
    if (own === undefined) return { kind: 'pending' };
    const { credential, field = 'password', tryPending, moved } = own;
    if (phase === 'drain') {
      const current = await credential.refresh();
      const used = moved === undefined ? current.version : await moved();
      const isThere = current.version === version && used === version;
      return isThere ? { kind: 'uses', value: current.get(field) } : { kind: 'pending' };
    }
    if (tryPending === undefined) return { kind: 'pending' };
    const pending = await credential.version(version);
    if (!(await tryPending(pending))) return { kind: 'refuses', reason: 'the login was refused' };
    return { kind: 'uses', value: pending.get(field) };
  };
  // Where to be is asked of the store, not of the webhook: it may be late, and come twice.
  const told: AnswerOptions['told'] = (webhook) =>
    void consumed(webhook.secret)
      ?.credential.refresh()
      .catch((error: unknown) => tellError(onError, error, webhook));
  const own = { key, instance, environment, held, told, ...(onError === undefined ? {} : { onError }) };
  if (later === undefined) return { answer: async ({ body, headers }) => answerChallenge({ body, headers, ...own }) };
  const { onAcked, ...where } = later;
  return {
    answer: async ({ body, headers }) => {
      const { answer, acked } = answerLater({ body, headers, ...own, ...where });
      // Of the application, and nothing of ours waits for it.
      void acked.then(onAcked).catch(() => undefined);
      return answer;
    },
  };
}
