import { type PlantedClause, clause } from './planted-clause.js';

const migration = 'src/adapters/postgres/migrations/0015_challenges.sql';
const challenges = 'src/adapters/postgres/challenges.ts';
const acks = 'src/adapters/postgres/acks.ts';

/** Every clause of challenges and acks that keeps something from counting. */
export const plantedAckClauses: readonly PlantedClause[] = [
  clause(
    'a nonce lives for ever',
    migration,
    "BETWEEN clock_timestamp() - interval '60 seconds' AND",
    "BETWEEN clock_timestamp() - interval '1 year' AND",
  ),
  clause('a nonce of the future is young', migration, 'AND clock_timestamp();', "AND 'infinity';"),
  clause('a nonce takes two acks', acks, "if (found.isAnswered) return 'replayed';", ''),
  clause(
    'two acks of a nonce do not wait for each other',
    acks,
    'WHERE nonce = $1 FOR NO KEY UPDATE`',
    'WHERE nonce = $1`',
  ),
  clause('a nonce that ends meanwhile is taken', acks, "if (!found.isYoung) return 'expired';", ''),
  clause(
    'an ack of a rotation that has ended is taken',
    acks,
    "return isClosed ? 'expired' : 'open';",
    "return isClosed ? 'open' : 'open';",
  ),
  clause(
    'a refusal changes nothing that guards rely on',
    acks,
    'SET guard_seq = guard_seq + 1',
    'SET guard_seq = guard_seq',
  ),
  clause('a refusal has nobody look', acks, 'SET due_at = clock_timestamp(), rung_at', 'SET due_at = due_at, rung_at'),
  clause('what is turned away is audited each time', acks, 'AND $2::text <> ALL (turned_away)', ''),
  clause(
    'what was answered in the response may be acked',
    challenges,
    'SET answered_at = clock_timestamp() WHERE nonce = ANY ($1) AND',
    'SET answered_at = NULL WHERE nonce = ANY ($1) AND',
  ),
  clause(
    'the ack of another rotation is shown',
    challenges,
    'WHERE c.rotation_id = $1 AND',
    'WHERE ($1::text IS NOT NULL) AND',
  ),
  clause('the ack of another phase is shown', challenges, 'AND c.phase = $2 AND', 'AND ($2::text IS NOT NULL) AND'),
  clause(
    'the ack of another version is shown',
    challenges,
    'AND c.version = $3 AND',
    'AND ($3::integer IS NOT NULL) AND',
  ),
  clause(
    'an old proof counts',
    challenges,
    "(c.outcome = 'proved' AND keyturn.challenge_is_young(c.issued_at))",
    "c.outcome = 'proved'",
  ),
  clause(
    'a refusal counts for ever',
    challenges,
    "(c.outcome = 'refused' AND c.judged_at > clock_timestamp() - interval '60 seconds')",
    "c.outcome = 'refused'",
  ),
  clause(
    'an ack is judged twice',
    challenges,
    "WHERE c.nonce = j.nonce AND c.outcome = 'waiting' RETURNING",
    'WHERE c.nonce = j.nonce RETURNING',
  ),
  clause(
    'what a judged ack said is kept',
    challenges,
    'USING judged j WHERE s.rotation_id',
    'USING judged j WHERE false AND s.rotation_id',
  ),
  clause(
    'a wrong ack is not audited',
    challenges,
    "WHERE outcome = 'wrong' ORDER BY nonce",
    'WHERE false ORDER BY nonce',
  ),
  clause(
    'issuing forgets nothing',
    challenges,
    "< clock_timestamp() - interval '1 day'",
    "< clock_timestamp() - interval '1 year'",
  ),
];
