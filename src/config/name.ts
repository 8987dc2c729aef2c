import { z } from 'zod';

/** A name that an environment, a target, a consumer or a check may have. */
export const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected a name of lower-case letters, digits and dashes, beginning with a letter');

/** True for an environment's or a target's name. */
export function isName(text: string): boolean {
  return name.safeParse(text).success;
}
