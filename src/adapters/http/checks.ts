import type { PlannedCheck } from '../../core/plan.js';
import { type Secret, openSecret } from '../../core/secret.js';
import type { CheckSight } from '../../core/soak-check.js';
import type { Bound, ChecksPort, Scope } from '../../ports/step-ports.js';
import { type Answered, type OutboundOptions, outbound } from './outbound.js';
import { readPrometheusAnswer } from './prometheus-answer.js';

/** How {@link httpChecks} asks. */
export interface HttpChecksOptions extends OutboundOptions {
  /** Reads a bearer token, at every look: it may be one that is changed while a rotation waits. */
  readonly token: (reference: string) => Promise<Secret>;
  /** For one check; never more than the step has left. Default 10 s. */
  readonly timeoutMs?: number;
}

/** What of the step's time is kept for writing down what was seen. */
const RESERVE_MS = 500;

/**
 * Asks checks over HTTP, all at once, by a GET each. Of an answer only numbers are taken: no text of a body goes any
 * further.
 */
export function httpChecks({ token, timeoutMs = 10_000, ...reach }: HttpChecksOptions): Bound<ChecksPort> {
  const send = outbound(reach);

  const ask = (scope: Scope, url: string, headers: Readonly<Record<string, string>>): Promise<Answered> =>
    send({
      url,
      headers,
      timeoutMs: Math.max(1, Math.min(timeoutMs, scope.deadlineMs - RESERVE_MS)),
      signal: scope.signal,
    });

  async function see(scope: Scope, check: PlannedCheck): Promise<Sight> {
    switch (check.kind) {
      case 'http': {
        const answered = await ask(scope, check.url, {});
        return answered.kind === 'unreachable' ? nothing(answered.reason) : { kind: 'status', status: answered.status };
      }
      case 'prometheus': {
        const headers = await authorized(check.token, token);
        if (headers === undefined) return nothing('its token cannot be read, or cannot stand in a header');
        const answered = await ask(scope, queryUrl(check.url, check.query), headers);
        if (answered.kind === 'unreachable') return nothing(answered.reason);
        if (answered.status !== 200) return nothing(`its server answered ${answered.status}`);
        return readPrometheusAnswer(answered.body);
      }
      default:
        return check satisfies never;
    }
  }

  return {
    look: (scope) =>
      Promise.all(
        (scope.plan.checks ?? []).map(
          async (check): Promise<CheckSight> => ({ check: check.name, ...(await see(scope, check)) }),
        ),
      ),
  };
}

type Sight =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'samples'; readonly values: readonly number[] }
  | { readonly kind: 'nothing'; readonly reason: string };

const nothing = (reason: string): Sight => ({ kind: 'nothing', reason });

/** A server may stand behind a path of a proxy. */
function queryUrl(base: string, query: string): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/query`;
  url.searchParams.set('query', query);
  return url.href;
}

/** *Returns* undefined where there is a token that cannot be read just now, or is none: without it the answer would be about that. */
async function authorized(
  reference: string | null,
  read: HttpChecksOptions['token'],
): Promise<Readonly<Record<string, string>> | undefined> {
  if (reference === null) return {};
  const secret = await read(reference).catch(() => undefined);
  if (secret === undefined) return undefined;
  const token = Buffer.from(openSecret(secret)).toString('utf8');
  secret.wipe();
  // Anything else, such as two lines of a file, the client would refuse with an error that names no field.
  return /^[\x21-\x7e]+$/.test(token) ? { authorization: `Bearer ${token}` } : undefined;
}
