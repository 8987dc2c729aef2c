import type { Acks, KnownChallenge } from '../../ports/challenges.js';
import { type ChallengesParts, ackContext } from './challenges.js';
import { noteDeed } from './deed.js';
import { lockRotation } from './operations.js';
import { type Session, inTransaction, rowOf, rowsOf } from './statements.js';

/** Why an ack of a known nonce is turned away, with the sentence of the audit trail. */
const causes = {
  replayed: 'its nonce was answered before',
  expired: 'its nonce was too old, or its rotation had ended',
  unsigned: 'it was not signed by its consumer',
} as const;

type Cause = keyof typeof causes;

/** Acks in PostgreSQL, for who takes them. */
export function postgresAcks({ pool, keyring }: ChallengesParts): Acks {
  return {
    find: async (nonce) =>
      (await rowOf<KnownChallenge>(
        pool,
        `SELECT nonce, environment, secret, rotation_id AS "rotationId", consumer, phase, version,
           keyturn.to_ms(clock_timestamp()) AS "nowMs",
           answered_at IS NULL AND keyturn.challenge_is_young(issued_at) AS "isOpen"
         FROM keyturn.challenges WHERE nonce = $1`,
        [nonce],
      )) ?? null,

    async take(challenge, { said, isRefusal }) {
      // Before the transaction: a key service may be called. What is over already is not sealed.
      const sealed = challenge.isOpen ? await keyring.seal(said, ackContext(challenge)) : null;
      return inTransaction(pool, async (session) => {
        const standing = await lock(session, challenge);
        if (standing === 'open' && sealed !== null) {
          await keep(session, challenge, sealed);
          if (isRefusal) await urge(session, challenge);
          return 'received';
        }
        const cause = standing === 'open' ? 'expired' : standing;
        await turnAway(session, challenge, cause);
        return cause;
      });
    },

    unsigned: async (challenge) => inTransaction(pool, (session) => turnAway(session, challenge, 'unsigned')),
  };
}

/**
 * Locks the challenge, so that of two acks of it one comes second, and its secret, so that its rotation does not end meanwhile:
 * what is sealed for a rotation that has ended would never be deleted.
 */
async function lock(session: Session, { nonce, rotationId }: KnownChallenge): Promise<'open' | 'replayed' | 'expired'> {
  const found = await rowOf<{ readonly isAnswered: boolean; readonly isYoung: boolean }>(
    session,
    `SELECT answered_at IS NOT NULL AS "isAnswered", keyturn.challenge_is_young(issued_at) AS "isYoung"
     FROM keyturn.challenges WHERE nonce = $1 FOR NO KEY UPDATE`,
    [nonce],
  );
  if (found === undefined) return 'expired';
  if (found.isAnswered) return 'replayed';
  if (!found.isYoung) return 'expired';
  const { isClosed } = await lockRotation(session, rotationId);
  return isClosed ? 'expired' : 'open';
}

async function keep(session: Session, challenge: KnownChallenge, sealed: Uint8Array): Promise<void> {
  await rowsOf(
    session,
    `UPDATE keyturn.challenges SET answered_at = clock_timestamp(), outcome = 'waiting' WHERE nonce = $1`,
    [challenge.nonce],
  );
  await rowsOf(session, 'INSERT INTO keyturn.sealed_values (rotation_id, slot, sealed) VALUES ($1, $2, $3)', [
    challenge.rotationId,
    ackContext(challenge).slot,
    sealed,
  ]);
}

/**
 * A refusal: a revocation that was judged before it is judged again, because it must not be overtaken by destroying, and the
 * next sweep rings for the rotation, unless that is parked. A proof waits for the look that comes anyway: consumers are asked
 * at every look, and each would have them answer, and each answer would bring the next.
 */
async function urge(session: Session, { secret, rotationId }: KnownChallenge): Promise<void> {
  await rowsOf(session, 'UPDATE keyturn.secrets SET guard_seq = guard_seq + 1 WHERE secret = $1', [secret]);
  await rowsOf(
    session,
    `UPDATE keyturn.rotations SET due_at = clock_timestamp(), rung_at = NULL WHERE rotation_id = $1 AND status <> 'parked'`,
    [rotationId],
  );
}

async function turnAway(session: Session, challenge: KnownChallenge, cause: Cause): Promise<void> {
  const { nonce, environment, secret, rotationId, consumer, phase, version } = challenge;
  // No row: the audit trail has it, or the challenge is forgotten.
  const first = await rowOf(
    session,
    `UPDATE keyturn.challenges SET turned_away = turned_away || $2::text
     WHERE nonce = $1 AND $2::text <> ALL (turned_away) RETURNING nonce`,
    [nonce, cause],
  );
  if (first !== undefined) {
    const facts = { outcome: cause, phase, version };
    await noteDeed(session, {
      ...{ environment, secret, rotationId, by: consumer, action: 'ack', reason: causes[cause], facts },
    });
  }
  await rowsOf(session, 'SELECT keyturn.count_acks($1, 1)', [cause]);
}
