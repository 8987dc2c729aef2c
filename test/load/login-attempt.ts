import pg from 'pg';
import type { Credential } from '../../src/core/credential.js';
import { type LoginPlace, codeOf, loginFields } from '../../src/embedded/demo/login.js';

/** A server that is there answers; this ends what hangs, and no slow machine comes near it. */
const maxAnswerMs = 120_000;

/** How a login ended. `refused`: the server turned it away; `unanswered`: it did not say, and refused nothing. */
export type LoginAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused' | 'unanswered'; readonly code: string };

/** The fields of a connection with a credential. */
export function patientFields(place: LoginPlace, credential: Credential): pg.ClientConfig {
  return { ...loginFields(place, credential), connectionTimeoutMillis: maxAnswerMs, query_timeout: maxAnswerMs };
}

/** True for what PostgreSQL answers to a password it does not know, and to a role that may not log in. */
export function isRefusal(code: string): boolean {
  return code === '28P01' || code === '28000';
}

/** Logs in once, asks one thing, and says goodbye. Never tries again and never throws. */
export async function attemptLogin(place: LoginPlace, credential: Credential): Promise<LoginAnswer> {
  const client = new pg.Client(patientFields(place, credential));
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return { kind: 'accepted' };
  } catch (error) {
    const code = codeOf(error);
    return { kind: isRefusal(code) ? 'refused' : 'unanswered', code };
  } finally {
    await client.end().catch(() => {});
  }
}
