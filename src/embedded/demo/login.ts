import pg from 'pg';
import type { Credential } from '../../core/credential.js';
import { openSecret } from '../../core/secret.js';

/** Where the demo's credential logs in. */
export interface LoginPlace {
  readonly port: number;
  readonly database: string;
}

/** The fields of a connection with a credential: what a driver takes, and it takes a string. */
export function loginFields({ port, database }: LoginPlace, credential: Credential): pg.ClientConfig {
  return {
    host: '127.0.0.1',
    port,
    database,
    user: credential.identity,
    password: new TextDecoder().decode(openSecret(credential.value)),
    ssl: false,
    connectionTimeoutMillis: 10_000,
    query_timeout: 10_000,
  };
}

/** The credential's value alone, for a proof that it is held. Not a copy. */
export function heldValue({ value }: Credential): Uint8Array {
  return openSecret(value);
}

/** How a login ended: the server let it in, or what it was refused with. */
export type LoginAnswer = 'accepted' | { readonly refused: string };

/**
 * Logs in once, asks one thing, and says goodbye. Never tries again and never throws.
 *
 * A refusal is named by its SQLSTATE, or the system's code where no server answered; the text is dropped.
 */
export async function login(place: LoginPlace, credential: Credential): Promise<LoginAnswer> {
  const client = new pg.Client(loginFields(place, credential));
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return 'accepted';
  } catch (error) {
    return { refused: codeOf(error) };
  } finally {
    await client.end().catch(() => {});
  }
}

/** The code of a driver's error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
}

/** How a login ended, in words. */
export function tellLogin(answer: LoginAnswer): string {
  return answer === 'accepted' ? 'ACCEPTED' : `refused (${answer.refused})`;
}
