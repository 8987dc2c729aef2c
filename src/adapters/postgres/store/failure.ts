import type { KeyturnError } from '../../../core/errors.js';
import { isKeyturnError, keyturnError } from '../../../core/errors.js';

/** The slice of a `pg` pool that the store uses. */
export interface StorePool {
  query<Row>(text: string, values: readonly unknown[]): Promise<{ readonly rows: readonly Row[] }>;
}

/**
 * Asks the database, and sorts what goes wrong. *Errors* `STORE_UNAVAILABLE` (nothing is known of what happened: ask
 * again; with the fact `isBusy` others are writing the same parameter, and nothing happened), `STORE_DENIED` for a missing grant, `DATABASE_UNMIGRATED`.
 */
export async function ask<Row>(pool: StorePool, text: string, values: readonly unknown[]): Promise<readonly Row[]> {
  try {
    return (await pool.query<Row>(text, values)).rows;
  } catch (error) {
    throw sorted(error);
  }
}

/** The same, for a function that answers with one row. */
export async function askOne<Row>(pool: StorePool, text: string, values: readonly unknown[]): Promise<Row> {
  const [row] = await ask<Row>(pool, text, values);
  if (row === undefined) throw keyturnError('STORE_UNAVAILABLE');
  return row;
}

function sorted(error: unknown): KeyturnError {
  if (isKeyturnError(error)) return error;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  // Only the code goes on: a server's message and detail may quote what it was sent.
  const cause = { code };
  switch (code) {
    case '42501': // insufficient_privilege
      return keyturnError('STORE_DENIED', { action: 'the use of its tables' }, cause);
    case '3F000': // invalid_schema_name
    case '42P01': // undefined_table
    case '42883': // undefined_function
      return keyturnError('DATABASE_UNMIGRATED', {}, cause);
    case '55P03': // lock_not_available
      return keyturnError('STORE_UNAVAILABLE', { isBusy: true }, cause);
    default:
      return keyturnError('STORE_UNAVAILABLE', {}, cause);
  }
}
