import { z } from 'zod';
import { isReference, referenceFault } from './references.js';

/** A field that holds a well-formed reference and nothing else. *Returns* its text. */
export const reference = z.custom<{ readonly $ref: string }>().transform((value, ctx) => {
  const fault = isReference(value) ? referenceFault(value.$ref) : referenceFault(undefined);
  if (fault === undefined) return value.$ref;
  ctx.addIssue({ code: 'custom', message: fault });
  return z.NEVER;
});
