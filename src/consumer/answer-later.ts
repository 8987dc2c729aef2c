import { randomUUID } from 'node:crypto';
import { type Answer, type AnswerOptions, type Challenge, readWebhook, sayOf } from './answer-challenge.js';
import { signedHeaders } from './signed-headers.js';

/** A request, how this process answers, and where it sends what it answers later. */
export interface LaterOptions extends AnswerOptions {
  /** Of Keyturn: `https://keyturn.internal/v1/acks`. */
  readonly url: string;
  /** How long sending the ack may take. Milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
}

/** What became of an ack. */
export type Acked =
  /** There was nothing to say: the webhook asked nothing, or this version is not used yet. Keyturn asks again. */
  | { readonly kind: 'nothing' }
  /** 202: received. 409: answered before. 410: this took more than a minute. https://…/v1/acks says the others in words. */
  | { readonly kind: 'sent'; readonly status: number }
  /** Keyturn was not reached. It asks again. */
  | { readonly kind: 'unreachable'; readonly error: unknown };

/** What to send back at once, and what comes of it. */
export interface Later {
  /** 202 and the instance for a challenge: Keyturn then waits for the ack of this instance. */
  readonly answer: Answer;
  /** Settles when the ack was sent. Never rejects. */
  readonly acked: Promise<Acked>;
}

/**
 * Answers a webhook of Keyturn at once, and a challenge later: `held` is asked after that and may take half a minute, and
 * its answer is sent to `POST /v1/acks`, signed. For who cannot tell in the ten seconds that a response may take.
 *
 * All else is as with `answerChallenge`. *Repeat*: harmless. Never throws for what the request holds.
 */
export function answerLater(options: LaterOptions): Later {
  const read = readWebhook(options);
  if (read.kind === 'answered') return { answer: read.answer, acked: Promise.resolve({ kind: 'nothing' }) };
  const answer = {
    status: 202,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instance: options.instance }),
  };
  return { answer, acked: ack(options, read.challenge) };
}

async function ack(options: LaterOptions, challenge: Challenge): Promise<Acked> {
  const { url, key, timeoutMs = 10_000 } = options;
  // The response goes first.
  await Promise.resolve();
  try {
    const said = await sayOf(options, challenge);
    if ('pending' in said) return { kind: 'nothing' };
    const body = JSON.stringify({ nonce: challenge.nonce, ...said });
    const { status } = await fetch(url, {
      method: 'POST',
      headers: signedHeaders(`ack_${randomUUID()}`, body, key),
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { kind: 'sent', status };
  } catch (error) {
    return { kind: 'unreachable', error };
  }
}
