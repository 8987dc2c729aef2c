import { WireError } from './wire-error.js';

/** What a page ended with, as the next one is asked for. Opaque to callers; a forged one begins elsewhere in what they may see. */
export function tokenOf(after: string | number): string {
  return Buffer.from(JSON.stringify(after)).toString('base64url');
}

/** *Errors* `InvalidNextToken`. */
export function readToken<Kind extends 'string' | 'number'>(
  token: string | null | undefined,
  kind: Kind,
): (Kind extends 'string' ? string : number) | null {
  if (token === null || token === undefined) return null;
  try {
    const after: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    const isSound =
      typeof after === 'string'
        ? !after.includes('\0')
        : Number.isInteger(after) && Number(after) >= 0 && Number(after) < 2 ** 31;
    // The kind asked for is the one that is returned.
    if (typeof after === kind && isSound) return after as Kind extends 'string' ? string : number;
  } catch {
    // Told below, like everything that is no token of ours.
  }
  throw new WireError('InvalidNextToken', 'The specified token is not valid.');
}
