import { z } from 'zod';

const nonce = z
  .string()
  .regex(/^[\w-]{16,128}$/)
  .describe('The one of the challenge. It takes one ack, within 60 s.');
const instance = z
  .string()
  .regex(/^[\w.:@/-]{1,128}$/)
  .describe('Names the process among those of the application.');

const proving = z.strictObject({
  nonce,
  instance,
  proof: z
    .string()
    .regex(/^[\w-]{43}$/)
    .describe('As docs/consumers.md makes it, of the fields of the challenge.'),
});
const refusing = z.strictObject({
  nonce,
  instance,
  refused: z.string().min(1).max(4_096).describe('Why this version does not work. It must not hold the value.'),
});

/** What a consumer sends to `POST /v1/acks`. */
export const ackShape = z.union([proving, refusing]).meta({
  title: 'An answer to a challenge, given later',
  description: 'What a consumer sends to POST /v1/acks, signed with its key.',
});

/** An ack that was read. */
export interface Ack {
  readonly nonce: string;
  /** All but the nonce. */
  readonly said: Readonly<Record<string, string>>;
  readonly isRefusal: boolean;
}

/** What is to be done about each member, without what stands in it: that may be a secret. */
const cures: Readonly<Record<string, string>> = {
  nonce: 'nonce is not one: send the one of the challenge as it came',
  instance: 'instance is no name: use letters, digits and _ . : @ / -, at most 128',
  proof: 'proof is none: send the 43 characters of Base64url that docs/consumers.md makes',
  refused: 'refused is no reason: say why in 1 to 4096 characters',
};

/** Reads the body of an ack. *Returns* a sentence that names the member and the cure where it is none. */
export function readAck(body: string): Ack | string {
  const parsed = json(body);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return 'the body is no JSON object: send nonce, instance, and proof or refused';
  }
  const isRefusal = 'refused' in parsed;
  if (isRefusal === 'proof' in parsed) return 'proof or refused: send one of the two';
  const { data, error } = (isRefusal ? refusing : proving).safeParse(parsed);
  if (data === undefined) {
    const [member] = error.issues[0]?.path ?? [];
    return cures[String(member)] ?? 'there is more in it: send nonce, instance, and proof or refused, and nothing else';
  }
  const { nonce: of, ...said } = data;
  return { nonce: of, said, isRefusal };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
