import { Webhook } from 'standardwebhooks';
import { createProof } from './proof.js';

/** What Keyturn asks: to use this version of the secret, and to prove it. */
export interface HeldChallenge {
  /**
   * `canary`: try this version, which is labelled `pending`, in a login of its own, and go on with the old one.
   * `drain`: it is `current` now: move to it.
   */
  readonly phase: 'canary' | 'drain';
  /** `environment:/path`. */
  readonly secret: string;
  readonly version: number;
  readonly rotation: string;
}

/** What this process holds. */
export type Held =
  /** It uses this version. `value` is the credential's value alone: the password. */
  | { readonly kind: 'uses'; readonly value: string | Uint8Array }
  /** Not yet: Keyturn asks again. */
  | { readonly kind: 'pending' }
  /** It tried this version and it does not work: Keyturn turns the rotation back. The reason must not hold the value. */
  | { readonly kind: 'refuses'; readonly reason: string };

/** A request, and how this process answers. */
export interface AnswerOptions {
  /** The body as it came, to the byte: a parsed and rewritten one does not verify. */
  readonly body: string | Buffer;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The key of this consumer: `whsec_…`. Several while it is being replaced. */
  readonly key: string | readonly string[];
  /** Names this process among those of the application: letters, digits and `_ . : @ / -`, at most 128. */
  readonly instance: string;
  /** The environment this process runs in. A challenge of another one is refused, not answered. */
  readonly environment: string;
  /** Asked only after the signature was verified. What it throws is answered as `pending`, and `onError` hears of it. */
  readonly held: (challenge: HeldChallenge) => Held | Promise<Held>;
  /** Told of a verified webhook that asks nothing, as one of a promotion is. It may be late, and come twice. */
  readonly told?: (webhook: ToldWebhook) => void;
  /**
   * Told what `held` or `told` threw, as it came, and what it was about. For the application's own log, which must expect
   * values in it: a driver's message may quote a login. What it throws is dropped.
   */
  readonly onError?: OnAnswerError;
}

/** Hears of an error of the application, and of what it was asked or told then. */
export type OnAnswerError = (error: unknown, about: HeldChallenge | ToldWebhook) => void;

/** A webhook that says something and asks nothing. */
export interface ToldWebhook {
  /** `rotation.promoted` */
  readonly type: string;
  /** `environment:/path`. */
  readonly secret: string;
}

/** What to send back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Answers a challenge of Keyturn with the proof that this process holds the version asked for.
 *
 * Other webhooks of Keyturn are acknowledged with 204, so that one address may take both. A request whose signature
 * does not verify, or is more than five minutes off, is answered with 401. *Repeat*: harmless; Keyturn asks again and
 * again. Never throws for what the request holds.
 */
export async function answerChallenge(options: AnswerOptions): Promise<Answer> {
  const read = readWebhook(options);
  return read.kind === 'answered' ? read.answer : json(await sayOf(options, read.challenge));
}

/** A webhook that was read: it asks, or is answered already. */
export type ReadWebhook =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'asks'; readonly challenge: Challenge };

/** Verifies a webhook and answers all that asks nothing of this process; a challenge of another environment too. */
export function readWebhook(options: AnswerOptions): ReadWebhook {
  const answered = (answer: Answer): ReadWebhook => ({ kind: 'answered', answer });
  const message = verified(options);
  if (message === undefined) return answered({ status: 401, headers: {}, body: '' });
  const challenge = challengeOf(message);
  if (challenge === undefined) {
    const webhook = toldIn(message);
    if (webhook !== undefined) tell(options, webhook);
    return answered({ status: 204, headers: {}, body: '' });
  }
  const { instance, environment } = options;
  if (challenge.environment === environment) return { kind: 'asks', challenge };
  return answered(json({ instance, refused: `this is ${environment}` }));
}

/** What this process says to a challenge. */
export async function sayOf(options: AnswerOptions, challenge: Challenge): Promise<Said> {
  const { instance, environment } = options;
  const held = await heldNow(options, challenge);
  switch (held.kind) {
    case 'uses':
      return { instance, proof: createProof(held.value, { ...challenge, environment, instance }) };
    case 'pending':
      return { instance, pending: true };
    case 'refuses':
      return { instance, refused: held.reason };
    default:
      return held satisfies never;
  }
}

/** An answer, before it is text. */
export type Said = { readonly instance: string } & (
  | { readonly proof: string }
  | { readonly pending: true }
  | { readonly refused: string }
);

/** What it throws is its own: the webhook has arrived. */
function tell({ told, onError }: AnswerOptions, webhook: ToldWebhook): void {
  try {
    told?.(webhook);
  } catch (error) {
    tellError(onError, error, webhook);
  }
}

async function heldNow(options: AnswerOptions, { phase, secret, version, rotation }: Challenge): Promise<Held> {
  const challenge: HeldChallenge = { phase, secret, version, rotation };
  try {
    return await options.held(challenge);
  } catch (error) {
    tellError(options.onError, error, challenge);
    return { kind: 'pending' };
  }
}

/** Tells the application of an error of its own. */
export function tellError(onError: OnAnswerError | undefined, ...heard: Parameters<OnAnswerError>): void {
  try {
    onError?.(...heard);
  } catch {
    // Nothing of ours waits for it.
  }
}

function verified({ body, headers, key }: AnswerOptions): unknown {
  const single: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') single[name] = value;
  }
  for (const each of typeof key === 'string' ? [key] : key) {
    try {
      return new Webhook(each).verify(body, single);
    } catch {
      // Perhaps the next key.
    }
  }
  return undefined;
}

/** A challenge as it came. */
export interface Challenge extends HeldChallenge {
  readonly environment: string;
  readonly nonce: string;
}

/** *Returns* undefined for another kind of webhook. */
function challengeOf(message: unknown): Challenge | undefined {
  if (typeof message !== 'object' || message === null || !('data' in message)) return undefined;
  const { data } = message;
  if (typeof data !== 'object' || data === null) return undefined;
  // Each field is looked at below.
  const { phase, nonce, environment, secret, rotation, version } = data as Record<string, unknown>;
  if (phase !== 'canary' && phase !== 'drain') return undefined;
  if (typeof nonce !== 'string' || typeof environment !== 'string' || typeof secret !== 'string') return undefined;
  if (typeof rotation !== 'string' || typeof version !== 'number') return undefined;
  return { phase, nonce, environment, secret, rotation, version };
}

function toldIn(message: unknown): ToldWebhook | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message) || !('data' in message)) return undefined;
  const { type, data } = message;
  if (typeof type !== 'string' || typeof data !== 'object' || data === null || !('secret' in data)) return undefined;
  return typeof data.secret === 'string' ? { type, secret: data.secret } : undefined;
}

function json(answer: Said): Answer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) };
}
