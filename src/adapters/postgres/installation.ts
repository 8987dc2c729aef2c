import type pg from 'pg';
import { keyturnError } from '../../core/errors.js';
import { type Session, inTransaction, rowOf, rowsOf } from './statements.js';

/** How many epochs a new era leaves out. */
const EPOCHS_LEFT_OUT = 10_000;

/** Where we are: read from the server, not from what was stored. */
interface Place {
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** Of the database: a copy beside the original is on the same server and has another. */
  readonly database: string;
}

/**
 * Compares the server with the one this installation was started on. The first start stores it. Another timeline means
 * that the database was restored or failed over: the era rises, with its audit row.
 *
 * *Repeat*: harmless. *Errors* `DATABASE_MOVED` where the database is a copy, on another server or beside the original, until somebody says
 * {@link Operations.restored}; `STATE_UNAVAILABLE`, `DATABASE_UNMIGRATED`.
 */
export async function checkInstallation(pool: pg.Pool): Promise<{ readonly era: number }> {
  return inTransaction(pool, async (session) => {
    const place = await placeOf(session);
    const stored = await rowOf<{ [Field in keyof Place]: Place[Field] | null } & { readonly era: number }>(
      session,
      `SELECT system_identifier::text AS "systemIdentifier", timeline, database_oid::text AS database, era
       FROM keyturn.installation FOR UPDATE`,
    );
    if (stored === undefined) throw keyturnError('DATABASE_UNMIGRATED');
    if (stored.systemIdentifier === null) {
      await settleHere(session, place, 0);
      return { era: stored.era };
    }
    const isCopy = stored.database !== null && stored.database !== place.database;
    if (isCopy || stored.systemIdentifier !== place.systemIdentifier) throw keyturnError('DATABASE_MOVED');
    if (stored.database === null)
      await settleHere(session, { ...place, timeline: stored.timeline ?? place.timeline }, 0);
    if (stored.timeline === place.timeline) return { era: stored.era };
    await settleHere(session, place, 1);
    await auditEra(session, { principal: 'keyturn', action: 'TimelineChanged', reason: null });
    return { era: stored.era + 1 };
  });
}

/** A person says that no other installation is alive: we live here from now on, in a new era. */
export async function beginEra(
  session: Session,
  statement: { readonly by: string; readonly reason: string },
): Promise<{ readonly era: number }> {
  await rowsOf(session, 'SELECT FROM keyturn.installation FOR UPDATE');
  const era = await settleHere(session, await placeOf(session), 1);
  // The person vouches that nobody else works here: a token that is missing at a target now is put anew, not refused.
  await rowsOf(session, 'UPDATE keyturn.secrets SET fence_known = false WHERE fence_known');
  await auditEra(session, { principal: statement.by, action: 'Restored', reason: statement.reason });
  return { era };
}

/**
 * The identity of the cluster, and its timeline. The control file tells the timeline of the last checkpoint only; the
 * name of the file being written tells it from the moment of a promotion on.
 */
async function placeOf(session: Session): Promise<Place> {
  const place = await rowOf<Place>(
    session,
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
       greatest((SELECT timeline_id FROM pg_control_checkpoint()),
                ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer) AS timeline,
       (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database`,
  );
  if (place === undefined) throw new TypeError('a SELECT without FROM gives one row');
  return place;
}

async function settleHere(session: Session, place: Place, erasOn: 0 | 1): Promise<number> {
  const row = await rowOf<{ era: number }>(
    session,
    `UPDATE keyturn.installation SET system_identifier = $1, timeline = $2, database_oid = $4, era = era + $3
     RETURNING era`,
    [place.systemIdentifier, place.timeline, erasOn, place.database],
  );
  // The lost stretch has given out epochs that we know nothing of, and its executors may still hold them.
  if (erasOn === 1)
    await rowsOf(session, `SELECT nextval('keyturn.epoch_seq') FROM generate_series(1, ${EPOCHS_LEFT_OUT})`);
  return row?.era ?? 1;
}

async function auditEra(
  session: Session,
  {
    principal,
    action,
    reason,
  }: { readonly principal: string; readonly action: string; readonly reason: string | null },
): Promise<void> {
  // In: who and why. Effect: one row that holds where the installation stands now.
  await rowsOf(
    session,
    `INSERT INTO keyturn.audit (principal, action, reason, facts)
     SELECT $1, $2, $3, jsonb_build_object('era', era, 'timeline', timeline, 'systemIdentifier', system_identifier::text)
     FROM keyturn.installation`,
    [principal, action, reason],
  );
}
