import { z } from 'zod';

/** A JSON Pointer (RFC 6901): `/data/id`; the empty text is the whole document. */
export const pointerSchema = z
  .string()
  .regex(/^(\/([^/~]|~[01])*)*$/, 'must be a JSON Pointer, such as /data/id, or empty for the whole');

/** What a pointer names in a document; undefined where there is nothing. An own member only, whatever it is called. */
export function at(document: unknown, pointer: string): unknown {
  let found = document;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}
