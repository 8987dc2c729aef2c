import pg from 'pg';
import { withDatabase } from './test-server.js';

/** What this process has open, by server. */
const pools = new Map<string, pg.Pool>();

/**
 * Asks a server as its superuser, in its database `postgres`, in a session that stays for the whole test file: a session
 * of PostgreSQL costs forty milliseconds of a processor where pages of memory are dear, and tests make and drop a lot.
 */
export async function askSuperuser(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const place = withDatabase(url, 'postgres');
  let pool = pools.get(place);
  if (pool === undefined) {
    pool = new pg.Pool({ connectionString: place, idleTimeoutMillis: 0, allowExitOnIdle: true });
    // The server may go before the file ends; the next question opens another session.
    pool.on('error', () => undefined);
    pools.set(place, pool);
  }
  const { rows } = await pool.query<Record<string, unknown>>(text, [...values]);
  // Several statements at once have no rows of their own.
  return rows ?? [];
}
