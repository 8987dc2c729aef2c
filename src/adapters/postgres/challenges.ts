import type pg from 'pg';
import { isKeyturnError } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { Challenges, LateAck } from '../../ports/challenges.js';
import type { Keyring, SealContext } from '../../ports/keyring.js';
import { rowsOf } from './statements.js';

/** What challenges are kept with. */
export interface ChallengesParts {
  readonly pool: pg.Pool;
  /** What an ack says is sealed until a worker has looked it over: it may hold the value. */
  readonly keyring: Pick<Keyring, 'seal' | 'open'>;
}

/** How many forgotten challenges one look removes, or twice as many as it makes where those are more. */
const FORGET_AT_ONCE = 100;

/** What the words of an ack are sealed for. */
export function ackContext(of: {
  readonly environment: string;
  readonly secret: string;
  readonly rotationId: string;
  readonly nonce: string;
}): SealContext {
  return { environment: of.environment, secret: of.secret, rotation: of.rotationId, slot: `ack ${of.nonce}` };
}

/** An ack as it stands in the database. `sealed` null: the rotation has ended since, and what was sealed went with it. */
interface AckRow {
  readonly nonce: string;
  readonly consumer: string;
  readonly issuedAtMs: number;
  readonly isYoung: boolean;
  readonly outcome: 'waiting' | 'proved' | 'refused';
  readonly instance: string | null;
  readonly reason: string | null;
  readonly sealed: Uint8Array | null;
}

/** The challenges of rotations, for who asks consumers. */
export function postgresChallenges({ pool, keyring }: ChallengesParts): Challenges {
  return {
    // A challenge of yesterday is of no use to anybody. Skip-locked: an ack that is just coming keeps nobody waiting.
    async issue({ plan: { environment, secret, rotationId } }, { phase, version }, nonces) {
      await rowsOf(
        pool,
        `WITH forgotten AS (
           DELETE FROM keyturn.challenges WHERE nonce = ANY (ARRAY(
             SELECT nonce FROM keyturn.challenges WHERE issued_at < clock_timestamp() - interval '1 day'
             ORDER BY issued_at LIMIT greatest(${FORGET_AT_ONCE}, 2 * cardinality($1::text[])) FOR UPDATE SKIP LOCKED)))
         INSERT INTO keyturn.challenges (nonce, consumer, environment, secret, rotation_id, phase, version)
         SELECT nonce, consumer, $3, $4, $5, $6, $7 FROM unnest($1::text[], $2::text[]) AS issued (nonce, consumer)`,
        [
          nonces.map(({ nonce }) => nonce),
          nonces.map(({ consumer }) => consumer),
          ...[environment, secret, rotationId, phase, version],
        ],
      );
    },

    async answered(nonces) {
      if (nonces.length === 0) return;
      await rowsOf(
        pool,
        `UPDATE keyturn.challenges SET answered_at = clock_timestamp() WHERE nonce = ANY ($1) AND answered_at IS NULL`,
        [nonces],
      );
    },

    // Index challenges_acked.
    async late({ plan: { environment, secret, rotationId } }, { phase, version }) {
      const rows = await rowsOf<AckRow>(
        pool,
        `SELECT c.nonce, c.consumer, keyturn.to_ms(c.issued_at) AS "issuedAtMs",
           keyturn.challenge_is_young(c.issued_at) AS "isYoung", c.outcome, c.instance, c.reason, s.sealed
         FROM keyturn.challenges c
         LEFT JOIN keyturn.sealed_values s ON s.rotation_id = c.rotation_id AND s.slot = 'ack ' || c.nonce
         WHERE c.rotation_id = $1 AND c.phase = $2 AND c.version = $3 AND (
           c.outcome = 'waiting' OR (c.outcome = 'proved' AND keyturn.challenge_is_young(c.issued_at))
           OR (c.outcome = 'refused' AND c.judged_at > clock_timestamp() - interval '60 seconds'))
         ORDER BY c.issued_at, c.nonce`,
        [rotationId, phase, version],
      );
      const open = async (nonce: string, sealed: Uint8Array): Promise<Secret | undefined> =>
        keyring.open(sealed, ackContext({ environment, secret, rotationId, nonce })).catch((error: unknown) => {
          if (isKeyturnError(error) && error.code === 'KEYRING_DENIED') return undefined;
          throw error;
        });
      const acks = await Promise.all(
        rows.map(async ({ outcome, instance, reason, sealed, ...row }): Promise<LateAck | undefined> => {
          if (outcome !== 'waiting') {
            return { ...row, kind: 'judged', outcome, instance: instance ?? '', reason: reason ?? '' };
          }
          const said = sealed === null ? undefined : await open(row.nonce, sealed);
          return said === undefined ? undefined : { ...row, kind: 'waiting', said };
        }),
      );
      return acks.filter((each) => each !== undefined);
    },

    // No row where another look has judged it: then nothing is counted or written.
    async judged(judgements) {
      if (judgements.length === 0) return;
      await rowsOf(
        pool,
        `WITH judged AS (
           UPDATE keyturn.challenges c
              SET outcome = j.outcome, instance = j.instance, reason = j.reason, judged_at = clock_timestamp()
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS j (nonce, outcome, instance, reason)
            WHERE c.nonce = j.nonce AND c.outcome = 'waiting' RETURNING c.*
         ), wiped AS (
           DELETE FROM keyturn.sealed_values s USING judged j WHERE s.rotation_id = j.rotation_id AND s.slot = 'ack ' || j.nonce
         ), noted AS (
           INSERT INTO keyturn.audit (environment, secret, rotation_id, principal, action, reason, facts)
           SELECT environment, secret, rotation_id, consumer, 'ack', reason, jsonb_strip_nulls(
                    jsonb_build_object('outcome', outcome, 'phase', phase, 'version', version, 'instance', instance))
             FROM judged WHERE outcome = 'wrong' ORDER BY nonce
         )
         SELECT keyturn.count_acks(outcome, count(*)) FROM judged GROUP BY outcome ORDER BY outcome`,
        [
          judgements.map(({ nonce }) => nonce),
          judgements.map(({ outcome }) => outcome),
          judgements.map(({ instance }) => instance),
          judgements.map(({ reason }) => reason),
        ],
      );
    },
  };
}
