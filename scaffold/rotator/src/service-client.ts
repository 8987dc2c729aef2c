import { type RotatorContext, type Secret, keyturnError, openSecret } from 'keyturn/rotator';

/** What the service said. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** One request. */
export interface Request {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base URL. Never a value: addresses are logged everywhere. */
  readonly path: string;
  readonly body?: unknown;
}

/** Bigger answers are not read. Bytes. */
const MAX_BYTES = 1_000_000;

/**
 * Sends a request and gives the answer, whatever its status. It follows no redirect: a token would go along.
 *
 * *Errors* `DEADLINE_EXCEEDED` and `TARGET_UNREACHABLE`. Neither says whether the service has done it: nobody knows.
 */
export async function send(
  { baseUrl, token }: { readonly baseUrl: string; readonly token: Secret },
  { method, path, body }: Request,
  ctx: RotatorContext,
): Promise<Answer> {
  ctx.signal.throwIfAborted();
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ctx.deadlineMs)]);
  const facts = { endpoint: new URL(baseUrl).host };
  try {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      redirect: 'error',
      signal,
      headers: { authorization: `Bearer ${textOf(token)}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (text.length > MAX_BYTES) throw keyturnError('TARGET_UNREACHABLE', facts);
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  } catch {
    // What was thrown is left out: a client quotes its request, and the request holds the token.
    if (signal.aborted)
      throw keyturnError('DEADLINE_EXCEEDED', { call: `${method} ${path}`, deadlineMs: ctx.deadlineMs });
    throw keyturnError('TARGET_UNREACHABLE', facts);
  }
}

/** The error for a status that a change was not to have. */
export function refusalOf({ status }: Answer, baseUrl: string): Error {
  const facts = { endpoint: new URL(baseUrl).host };
  switch (status) {
    // It refuses *us*, which says nothing of the credential.
    case 401:
    case 403:
      return keyturnError('ADMIN_REFUSED', facts);
    // It refuses this value; another one may do.
    case 422:
      return keyturnError('VALUE_REJECTED', facts);
    // It is full or busy, and has done nothing.
    case 429:
      return keyturnError('TARGET_THROTTLED', facts);
    // It may or may not have happened.
    default:
      return keyturnError('STEP_FAILED', { ...facts, step: 'request', name: `status ${status}` });
  }
}

/** A value on its way into a header or a body, and nowhere else. */
export function textOf(value: Secret): string {
  return new TextDecoder().decode(openSecret(value));
}
