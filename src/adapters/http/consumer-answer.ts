import { z } from 'zod';
import type { Secret } from '../../core/secret.js';
import type { ConsumerAnswer } from '../../ports/step-ports.js';
import { type Challenge, isProof } from './consumer-proof.js';
import { wordsWithout } from './consumer-words.js';

/** What one instance says, in the response or by an ack, without the value. */
export type Judged = Pick<ConsumerAnswer, 'instance' | 'reason'> & {
  readonly answer: 'proved' | 'pending' | 'refused';
};

/** `{"instance":"web-1","proof":"…"}`, or in place of the proof `"refused":"why"` or `"pending":true`. */
const answerShape = z.object({
  instance: z.string().regex(/^[\w.:@/-]{1,128}$/),
  proof: z.string().max(128).optional(),
  refused: z.string().max(4096).optional(),
  pending: z.literal(true).optional(),
});

/** What an answer is judged by. */
export interface Against {
  readonly challenge: Challenge;
  /** The credential's value alone. */
  readonly value: Secret;
  /** Takes other values out of words: who cannot work without the old credential may quote that one. */
  readonly clean: (words: string) => string;
}

/**
 * Tells what an answer is worth: only who holds the value can. A wrong proof is `pending`: it shows that the value is not
 * held, not that it does not work. `body` null: there was more of it than is read.
 */
export function judgeAnswer(body: Uint8Array | null, { challenge, value, clean }: Against): Judged {
  const answer = parse(body);
  if (answer === undefined || wordsWithout(value, answer.instance) === undefined) {
    return { answer: 'pending', instance: null, reason: 'its answer could not be read' };
  }
  const { instance, proof, refused, pending } = answer;
  if (refused !== undefined) {
    const words = wordsWithout(value, refused);
    const reason = words === undefined ? 'its reason held a part of the value and was dropped' : clean(words);
    return { answer: 'refused', instance, reason };
  }
  if (pending === true) return { answer: 'pending', instance, reason: 'it does not use this version yet' };
  if (proof === undefined) return { answer: 'pending', instance, reason: 'its answer holds no proof' };
  return isProof(proof, value, { challenge, instance })
    ? { answer: 'proved', instance, reason: '' }
    : { answer: 'pending', instance, reason: 'its proof is not one of this version' };
}

/**
 * The same where the status says that it answers later: its body names its instance, so that nobody takes what another
 * instance behind the same address acks for its word.
 */
export function judgeLater(body: Uint8Array | null, against: Against): Judged & { late?: true } {
  if (body?.length === 0) {
    return { answer: 'pending', instance: null, reason: 'it answers later and does not say which instance it is' };
  }
  const judged = judgeAnswer(body, against);
  const { proof, refused } = parse(body) ?? {};
  if (judged.instance === null || proof !== undefined || refused !== undefined) return judged;
  return { ...judged, reason: 'it answered 202 and has not acked yet', late: true };
}

function parse(body: Uint8Array | null): z.infer<typeof answerShape> | undefined {
  if (body === null) return undefined;
  try {
    return answerShape.safeParse(JSON.parse(Buffer.from(body).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
