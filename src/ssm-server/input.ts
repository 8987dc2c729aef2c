import { z } from 'zod';
import { invalid } from './wire-error.js';

/** A text that every part of us can keep: no NUL, no half of a surrogate pair. Nothing is changed on its way. */
export const text = (max: number, min = 0) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine((value) => !value.includes('\0') && isWellFormed(value), 'must be well-formed text without NUL');

/** `toWellFormed` of newer Nodes, by what UTF-8 makes of a lone surrogate. */
function isWellFormed(value: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(value);
}

/** The name of a parameter, with or without a selector; what it may look like is said elsewhere. */
export const parameterName = text(2048, 1);

/** How many a page holds. */
export const maxResults = (most: number) =>
  z
    .int()
    .min(1)
    .max(most)
    .nullish()
    .transform((given) => given ?? most);

export const nextToken = text(4096, 1).nullish();

/** At most fifty, of keys that are not AWS's own. */
export const tagList = z
  .array(z.object({ Key: text(128, 1), Value: text(256) }))
  .max(1000)
  .refine((tags) => tags.every(({ Key }) => !/^aws:/i.test(Key)), 'keys must not begin with aws:');

/**
 * Reads the input of an operation. Fields nobody knows are passed over, as AWS does.
 *
 * *Errors* `ValidationException`, which names every field that is wrong and never what stands in it.
 */
export function readInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const read = schema.safeParse(input);
  if (read.success) return read.data;
  const faults = read.error.issues.map(({ path, message }) => `at '${path.join('.')}': ${message}`);
  const [count, s] = [faults.length, faults.length === 1 ? '' : 's'];
  throw invalid(`${count} validation error${s} detected: ${faults.join('; ')}`);
}
