import type pg from 'pg';
import { type KeyturnError, isKeyturnError, keyturnError } from '../../core/errors.js';

/** Where a statement may run: a pool, or the one session of a transaction. */
export type Session = Pick<pg.Pool | pg.PoolClient, 'query'>;

/** An answer a function of ours raised so that everything it did is rolled back. */
const ROLLED_BACK_ANSWER = 'KT001';

/**
 * Runs one statement and gives its rows.
 *
 * *Errors* see {@link stateError}.
 */
export async function rowsOf<Row>(
  session: Session,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  try {
    // The row type is the statement's, beside which this is called.
    return (await session.query(text, [...values])).rows as readonly Row[];
  } catch (error) {
    throw stateError(error);
  }
}

/** The first row of one statement, `undefined` for none. */
export async function rowOf<Row>(
  session: Session,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row | undefined> {
  return (await rowsOf<Row>(session, text, values))[0];
}

/**
 * Runs a statement that calls one function of ours and gives the function's answer, the raised ones included.
 */
export async function answerOf<Answer>(session: Session, text: string, values: readonly unknown[]): Promise<Answer> {
  try {
    const { rows } = await session.query<{ answer: Answer }>(text, [...values]);
    const [row] = rows;
    if (row === undefined) throw new TypeError('a call of a function gives one row');
    return row.answer;
  } catch (error) {
    const detail = detailOf(error);
    // The detail is what the function wrote there: its answer as JSON.
    if (detail !== undefined) return JSON.parse(detail) as Answer;
    throw stateError(error);
  }
}

function detailOf(error: unknown): string | undefined {
  return isDatabaseError(error) && error.code === ROLLED_BACK_ANSWER ? error.detail : undefined;
}

/** Runs statements in one transaction. What is thrown inside rolls it back. */
export async function inTransaction<T>(pool: pg.Pool, work: (session: Session) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw stateError(error);
  });
  let broken = false;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      broken = true;
    });
    throw isKeyturnError(error) ? error : stateError(error);
  } finally {
    client.release(broken);
  }
}

/**
 * Sorts what the driver throws: `DATABASE_UNMIGRATED` where something of ours is not there, `STATE_REFUSED` where the
 * server answered anything else, `STATE_UNAVAILABLE` where it did not answer, so that the outcome is unknown.
 */
export function stateError(error: unknown): KeyturnError {
  if (isKeyturnError(error)) return error;
  if (!isDatabaseError(error)) return keyturnError('STATE_UNAVAILABLE', {}, scrubbed(error));
  // Classes of https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, resources, shutdown.
  if (/^(08|53|57)/.test(error.code) || error.code === '25006')
    return keyturnError('STATE_UNAVAILABLE', {}, scrubbed(error));
  if (['3F000', '42P01', '42883', '42703'].includes(error.code))
    return keyturnError('DATABASE_UNMIGRATED', {}, scrubbed(error));
  return keyturnError('STATE_REFUSED', { sqlstate: error.code }, scrubbed(error));
}

/** What the login of a URL may be refused with. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const unusable: ReadonlyMap<string, readonly [finding: string, cure: string]> = new Map([
  ['28P01', ['its login was refused', 'Check its user and its password.']],
  ['28000', ['its login was refused', 'Check its user, and whether pg_hba.conf lets it in from here.']],
  ['3D000', ['there is no such database', 'Create the database, or name another one in it.']],
]);

/**
 * As {@link stateError}, for whoever has just come to the database: a login that is refused is then how it was
 * configured. Not for what a rotation meets: there it may be mended, and must not undo anything.
 */
export function doorError(error: unknown): KeyturnError {
  const sorted = stateError(error);
  const [finding, cure] = unusable.get(sqlstateOf(sorted) ?? '') ?? [];
  if (finding === undefined || cure === undefined) return sorted;
  return keyturnError('SETTING_INVALID', { setting: 'KEYTURN_DATABASE_URL', finding, cure });
}

/** What the server refused a statement with; undefined where it did not. */
export function sqlstateOf(error: unknown): string | undefined {
  if (isKeyturnError(error)) return error.code === 'STATE_REFUSED' ? String(error.facts['sqlstate']) : undefined;
  return isDatabaseError(error) ? error.code : undefined;
}

/** The message alone: the driver's object also carries the statement and the failing row. */
function scrubbed(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : 'unknown');
}

function isDatabaseError(error: unknown): error is Error & { readonly code: string; readonly detail?: string } {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code) &&
    'severity' in error
  );
}
