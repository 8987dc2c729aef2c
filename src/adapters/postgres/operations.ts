import type pg from 'pg';
import type { Operations } from '../../ports/operations.js';
import type { Wakeups } from '../../ports/wakeups.js';
import { keyturnError } from '../../core/errors.js';
import { type Status, fold } from '../../core/rotation.js';
import type { CommandKind, Recorded } from '../../core/rotation-event.js';
import { noteDeed } from './deed.js';
import { beginEra } from './installation.js';
import { type Session, inTransaction, rowOf, rowsOf } from './statements.js';

/** A rotation as a command finds it, its secret's row locked. */
interface Found {
  readonly secret: string;
  readonly environment: string;
  readonly status: Status;
  readonly isClosed: boolean;
  readonly urgent: boolean;
  readonly decision: 'roll-back' | 'destroy' | null;
}

/** The steps that take the old credential away. */
const takingAway: readonly string[] = ['disable', 'destroy'];

/**
 * What people do, each in one transaction that holds the secret's row and writes its audit row.
 *
 * With `wakeups` a rotation is rung for at once; a queue that is not reachable costs nothing but the time until the sweep.
 */
export function postgresOperations(pool: pg.Pool, wakeups?: Wakeups): Operations {
  return {
    async command({ rotationId, kind, by, reason }) {
      const { id, urgent } = await inTransaction(pool, async (session) => {
        const found = await lockRotation(session, rotationId);
        refuseCommand(found, rotationId, kind);
        const row = await rowOf<{ id: string }>(
          session,
          'INSERT INTO keyturn.commands (rotation_id, kind, by, reason) VALUES ($1, $2, $3, $4) RETURNING id::text',
          [rotationId, kind, by, reason],
        );
        // A revocation that was judged before it is judged again: an accepted cancel must not be overtaken by destroying.
        await rowsOf(session, 'UPDATE keyturn.secrets SET guard_seq = guard_seq + 1 WHERE secret = $1', [found.secret]);
        await makeDue(session, rotationId);
        await noteDeed(session, { ...found, rotationId, by, action: `command.${kind}`, reason });
        return { id: row?.id ?? '', urgent: found.urgent };
      });
      await wakeups
        ?.ring({ about: 'rotation', id: rotationId, key: `command-${id}`, delayMs: 0, urgent })
        .catch(() => undefined);
    },

    orphan: async ({ secret, identity, rotationId, phase, by, reason }) => {
      const [environment = ''] = secret.split(':', 1);
      const action = phase === 'done' ? 'OrphanDestroyed' : 'OrphanDestroyIntended';
      const tag = rotationId === null ? {} : { createdBy: rotationId };
      await noteDeed(pool, { secret, environment, by, action, reason, facts: { identity, ...tag } });
    },

    hold: ({ secret, by, reason }) =>
      inTransaction(pool, async (session) => {
        const { environment } = await lockSecret(session, secret);
        await rowsOf(
          session,
          `UPDATE keyturn.secrets SET held_by = $2, held_because = $3, held_at = clock_timestamp(), guard_seq = guard_seq + 1
           WHERE secret = $1`,
          [secret, by, reason],
        );
        await noteDeed(session, { secret, environment, by, action: 'hold', reason });
        return (await takingAwayNow(session, secret)) ?? { kind: 'held' };
      }),

    release: ({ secret, by, reason }) =>
      inTransaction(pool, async (session) => {
        const { environment } = await lockSecret(session, secret);
        await rowsOf(
          session,
          `UPDATE keyturn.secrets SET held_by = NULL, held_because = NULL, held_at = NULL, guard_seq = guard_seq + 1
           WHERE secret = $1`,
          [secret],
        );
        await noteDeed(session, { secret, environment, by, action: 'release', reason });
      }),

    waive: ({ rotationId, consumer, by, reason }) =>
      inTransaction(pool, async (session) => {
        const found = await lockRotation(session, rotationId);
        refuseEnded(found, rotationId);
        await rowsOf(
          session,
          'INSERT INTO keyturn.waivers (rotation_id, consumer, by, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
          [rotationId, consumer, by, reason],
        );
        await rowsOf(session, 'UPDATE keyturn.secrets SET guard_seq = guard_seq + 1 WHERE secret = $1', [found.secret]);
        // A parked rotation waits for its command; a waiting gate looks again.
        if (found.status !== 'parked') await makeDue(session, rotationId);
        await noteDeed(session, { ...found, rotationId, by, action: 'waive', reason, facts: { consumer } });
      }),

    restored: (statement) => inTransaction(pool, (session) => beginEra(session, statement)),
  };
}

function refuseCommand(found: Found, rotationId: string, kind: CommandKind): void {
  refuseEnded(found, rotationId);
  if (kind === 'resume') {
    if (found.status !== 'parked') throw keyturnError('NOT_PARKED', { rotation: rotationId, status: found.status });
    return;
  }
  if (found.decision === 'destroy') throw keyturnError('DECIDED_DESTROY', { rotation: rotationId });
  if (found.decision === 'roll-back') throw keyturnError('DECIDED_ROLLBACK', { rotation: rotationId });
}

function refuseEnded(found: Found, rotationId: string): void {
  if (found.isClosed) throw keyturnError('ROTATION_ENDED', { rotation: rotationId, status: found.status });
}

async function lockSecret(session: Session, secret: string): Promise<{ readonly environment: string }> {
  const row = await rowOf<{ environment: string }>(
    session,
    'SELECT environment FROM keyturn.secrets WHERE secret = $1 FOR NO KEY UPDATE',
    [secret],
  );
  if (row === undefined) {
    const [environment = '', path = ''] = secret.split(/:(.*)/s);
    throw keyturnError('UNKNOWN_SECRET', { secret: path, environment, known: await knownPaths(session, environment) });
  }
  return row;
}

async function knownPaths(session: Session, environment: string): Promise<string> {
  const rows = await rowsOf<{ path: string }>(
    session,
    'SELECT path FROM keyturn.secrets WHERE environment = $1 AND declared ORDER BY path LIMIT 20',
    [environment],
  );
  return rows.map(({ path }) => path).join(', ');
}

/**
 * Locks the secret of a rotation, and reads the rotation. Two statements: read in one with the lock, the rotation would be
 * seen as it was before the wait. *Errors* `UNKNOWN_ROTATION`.
 */
export async function lockRotation(session: Session, rotationId: string): Promise<Found> {
  await rowsOf(
    session,
    `SELECT FROM keyturn.secrets WHERE secret = (SELECT secret FROM keyturn.rotations WHERE rotation_id = $1)
     FOR NO KEY UPDATE`,
    [rotationId],
  );
  const found = await rowOf<Found>(
    session,
    `SELECT r.secret, r.environment, r.status, r.closed_at IS NOT NULL AS "isClosed", r.urgent, d.decision
     FROM keyturn.rotations r LEFT JOIN keyturn.decisions d USING (rotation_id) WHERE r.rotation_id = $1`,
    [rotationId],
  );
  if (found === undefined) throw keyturnError('UNKNOWN_ROTATION', { rotation: rotationId });
  return found;
}

async function makeDue(session: Session, rotationId: string): Promise<void> {
  await rowsOf(
    session,
    'UPDATE keyturn.rotations SET due_at = clock_timestamp(), rung_at = NULL WHERE rotation_id = $1',
    [rotationId],
  );
}

/** The open rotation that had meant to disable or destroy, and whose effect may still be on its way. */
async function takingAwayNow(
  session: Session,
  secret: string,
): Promise<{ readonly kind: 'in-flight'; readonly rotationId: string; readonly step: string } | undefined> {
  const recorded = await rowsOf<Recorded & { readonly rotationId: string }>(
    session,
    `SELECT j.rotation_id AS "rotationId", j.seq, keyturn.to_ms(j.at) AS "atMs", j.epoch::double precision AS epoch, j.event
     FROM keyturn.rotations r JOIN keyturn.journal j USING (rotation_id)
     WHERE r.secret = $1 AND r.closed_at IS NULL ORDER BY j.seq`,
    [secret],
  );
  const [first] = recorded;
  if (first === undefined) return undefined;
  const { intent, unsettled } = fold(recorded);
  const meant = [...(intent?.direction === 'do' ? [intent.step] : []), ...unsettled.map(({ step }) => step)];
  const step = meant.find((each) => takingAway.includes(each));
  return step === undefined ? undefined : { kind: 'in-flight', rotationId: first.rotationId, step };
}
