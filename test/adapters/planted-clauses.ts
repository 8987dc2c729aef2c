import { type PlantedClause, clause } from './planted-clause.js';
import { plantedOverdueClauses } from './planted-overdue-clauses.js';
import { plantedAckClauses } from './planted-ack-clauses.js';
import { plantedWebhookClauses } from './planted-webhook-clauses.js';

const journal = 'src/adapters/postgres/migrations/0003_journal_functions.sql';
const store = 'src/adapters/postgres/migrations/0002_parameter_store.sql';
const sweep = 'src/adapters/postgres/sweep.ts';
const leases = 'src/adapters/postgres/leases.ts';
const operations = 'src/adapters/postgres/operations.ts';
const standing = 'src/adapters/postgres/standing.ts';

const sends = 'src/adapters/postgres/store/sends.ts';
const rate = 'src/adapters/postgres/store/rate.ts';

/**
 * Every clause of the journal, the leases, the outbox and the store that keeps something from happening. Not among them is
 * what only lets an index be used: what has ended, or is declared no more, has no due time either.
 */
export const plantedClauses: readonly PlantedClause[] = [
  // Asking for a rotation.
  clause('accept locks no secret', journal, 'PERFORM FROM secrets WHERE secret = v_secret FOR NO KEY UPDATE;', ''),
  clause(
    'accept takes a second open rotation',
    journal,
    "IF FOUND THEN\n    RETURN jsonb_build_object('kind', 'open'",
    "IF false THEN\n    RETURN jsonb_build_object('kind', 'open'",
  ),
  clause(
    'accept makes the same rotation twice',
    journal,
    'IF EXISTS (SELECT FROM rotations WHERE rotation_id = v_id) THEN',
    'IF false THEN',
  ),
  clause('accept claims nothing', journal, 'v_conflict := claim(v_id, p_claims);', ''),
  clause(
    'accept writes no audit row',
    journal,
    "VALUES (v_at, p_plan->>'environment', v_secret, v_id, p_plan->>'requestedBy', 'RotationRequested',\n            p_plan->>'reason', v_event || '{\"seq\": 1, \"epoch\": 0}');",
    "SELECT v_at, p_plan->>'environment', v_secret, v_id, p_plan->>'requestedBy', 'RotationRequested',\n            p_plan->>'reason', v_event || '{\"seq\": 1, \"epoch\": 0}' WHERE false;",
  ),
  // Claims.
  clause('a claim does not look who holds it', journal, 'WHERE key = v_key AND open;', 'WHERE key = v_key AND false;'),
  clause('closing keeps the claims', journal, 'UPDATE claims SET open = false WHERE rotation_id = v_id AND open;', ''),
  // The lease.
  clause(
    'acquire locks no secret',
    journal,
    'SELECT * INTO s FROM secrets WHERE secret = v_secret FOR NO KEY UPDATE;\n  SELECT * INTO t',
    'SELECT * INTO s FROM secrets WHERE secret = v_secret;\n  SELECT * INTO t',
  ),
  clause(
    'acquire takes a lease that lasts',
    journal,
    'IF NOT l.released AND l.expires_at > v_now AND l.holder <> p_holder THEN',
    'IF NOT l.released AND false AND l.holder <> p_holder THEN',
  ),
  clause(
    'a lease that was given back is waited for',
    journal,
    'IF NOT l.released AND l.expires_at > v_now AND l.holder <> p_holder THEN',
    'IF l.expires_at > v_now AND l.holder <> p_holder THEN',
  ),
  clause('acquire locks no target', journal, 'AND target = s.target FOR NO KEY UPDATE;', 'AND target = s.target;'),
  clause('acquire fills a target', journal, 'IF v_at_work >= t.concurrency THEN', 'IF v_at_work > t.concurrency THEN'),
  clause(
    'a lease that has ended takes a place',
    journal,
    'AND NOT released AND expires_at > v_now AND secret <> v_secret;',
    'AND NOT released AND secret <> v_secret;',
  ),
  clause('the breaker is never open', journal, 'IF t.probe_at > v_now THEN', 'IF false THEN'),
  clause(
    'an open breaker lets everybody probe',
    journal,
    "UPDATE targets SET probe_at = v_now + interval '30 seconds' WHERE environment = s.environment AND target = s.target;",
    '',
  ),
  clause('an epoch is drawn twice', journal, "v_epoch := nextval('epoch_seq');", 'v_epoch := coalesce(l.epoch, 1);'),
  clause(
    'a takeover brings no audit of labels',
    journal,
    "UPDATE secrets SET audit_until = v_now + interval '15 minutes'",
    "UPDATE secrets SET audit_until = v_now - interval '15 minutes'",
  ),
  clause(
    'renewing revives an ended lease',
    leases,
    'AND NOT released AND expires_at > clock_timestamp() RETURNING 1',
    'AND NOT released RETURNING 1',
  ),
  clause(
    'renewing takes another epoch',
    leases,
    'WHERE secret = $1 AND epoch = $2 AND NOT released AND expires_at',
    'WHERE secret = $1 AND $2::bigint > 0 AND NOT released AND expires_at',
  ),
  clause(
    'giving back ends another lease',
    leases,
    'SET released = true WHERE secret = $1 AND epoch = $2',
    'SET released = true WHERE secret = $1 AND $2::bigint > 0',
  ),
  // A commit.
  clause('append asks for no epoch', journal, 'IF (l.epoch = v_epoch AND l.rotation_id', 'IF (l.rotation_id'),
  clause(
    'append asks for no end of the lease',
    journal,
    'AND NOT l.released AND l.expires_at > clock_timestamp()\n      AND r.seq',
    'AND NOT l.released\n      AND r.seq',
  ),
  clause(
    'append takes a lease that was given back',
    journal,
    'AND l.rotation_id = v_id AND NOT l.released AND l.expires_at',
    'AND l.rotation_id = v_id AND l.expires_at',
  ),
  clause(
    'append takes the lease of another rotation',
    journal,
    'l.epoch = v_epoch AND l.rotation_id = v_id AND',
    'l.epoch = v_epoch AND',
  ),
  clause(
    'append asks for no place in the journal',
    journal,
    'AND r.seq = v_seq AND r.closed_at IS NULL) IS NOT TRUE',
    'AND r.closed_at IS NULL) IS NOT TRUE',
  ),
  clause(
    'append goes on after the end',
    journal,
    'AND r.seq = v_seq AND r.closed_at IS NULL) IS NOT TRUE',
    'AND r.seq = v_seq) IS NOT TRUE',
  ),
  clause(
    'append locks no secret',
    journal,
    'SELECT * INTO s FROM secrets WHERE secret = v_secret FOR NO KEY UPDATE;\n  -- Separate',
    'SELECT * INTO s FROM secrets WHERE secret = v_secret;\n  -- Separate',
  ),
  clause('a guard does not see what has changed', journal, "s.guard_seq <> (a#>>'{guard,guardSeq}')::bigint", 'false'),
  clause('a guard may be late', journal, "AND (a#>>'{guard,notAfterMs}')::double precision) THEN", 'AND 1e18) THEN'),
  clause(
    'a guard may be early',
    journal,
    "NOT BETWEEN (a#>>'{guard,notBeforeMs}')::double precision AND",
    'NOT BETWEEN 0 AND',
  ),
  clause('both decisions may stand', journal, 'IF v_decided <> v_decision THEN', 'IF false THEN'),
  clause('nothing decides to destroy', journal, "THEN 'destroy'\n", 'THEN NULL\n'),
  clause('nothing decides to turn back', journal, "THEN 'roll-back' END;", 'THEN NULL END;'),
  clause('append claims nothing', journal, "IF a ? 'claims' THEN", 'IF false THEN'),
  clause(
    'append writes no audit rows',
    journal,
    'FROM appended ORDER BY seq;',
    'FROM appended WHERE false ORDER BY seq;',
  ),
  clause('the end keeps the sealed values', journal, 'DELETE FROM sealed_values WHERE rotation_id = v_id;', ''),
  clause('sealed values are dropped', journal, "IF jsonb_array_length(a->'sealed') > 0 THEN", 'IF false THEN'),
  clause(
    'a command that came meanwhile is put off',
    journal,
    'WHERE c.rotation_id = v_id AND c.id > v_commanded) THEN v_at',
    'WHERE c.rotation_id = v_id AND false) THEN v_at',
  ),
  clause(
    'a command is taken twice',
    journal,
    'v_commanded := greatest(r.command_id, v_commanded);',
    'v_commanded := r.command_id;',
  ),
  clause(
    'a fence that was set is not remembered',
    journal,
    "fence_known = fence_known OR (v_derived->>'fenced')::boolean,",
    '',
  ),
  clause('the outbox stays empty', journal, 'IF v_told > 0 THEN\n    PERFORM', 'IF false THEN\n    PERFORM'),
  clause('webhooks have no order', journal, 'webhook_seq = webhook_seq + v_told', 'webhook_seq = webhook_seq'),
  clause(
    'an endpoint of another environment is told',
    journal,
    'ON e.environment = p_secret.environment AND e.declared',
    'ON e.declared',
  ),
  // The sweep.
  clause(
    'the sweep rings where somebody works',
    sweep,
    'AND NOT EXISTS (SELECT FROM keyturn.leases l WHERE l.secret = r.secret AND NOT l.released AND l.expires_at > now())',
    '',
  ),
  clause(
    'the sweep rings before the time',
    sweep,
    'WHERE r.closed_at IS NULL AND r.due_at <= now()',
    'WHERE r.closed_at IS NULL',
  ),
  clause(
    'the sweep rings again at once',
    sweep,
    "AND (r.rung_at IS NULL OR r.rung_at <= now() - $2 * interval '1 millisecond')\n             AND NOT EXISTS",
    'AND $2 > -1\n             AND NOT EXISTS',
  ),
  clause(
    'the sweep rings for a webhook again at once',
    sweep,
    "AND (d.rung_at IS NULL OR d.rung_at <= now() - $2 * interval '1 millisecond')",
    'AND $2 > -1',
  ),
  clause(
    'a due time is moved twice',
    sweep,
    'AND next_due_at IS NOT DISTINCT FROM keyturn.from_ms($2) RETURNING 1',
    'AND $2::double precision > 0 RETURNING 1',
  ),
  clause('the sweep sends what was delivered', sweep, 'w.outcome IS NULL AND w.next_at <= now()', 'w.next_at <= now()'),
  clause('the sweep sends before the time', sweep, 'w.outcome IS NULL AND w.next_at <= now()', 'w.outcome IS NULL'),
  clause(
    'the sweep rings for an endpoint that rests',
    sweep,
    'AND (e.rests_until IS NULL OR e.rests_until <= now())',
    '',
  ),
  // People.
  clause(
    'a command is not seen by guards',
    operations,
    "await rowsOf(session, 'UPDATE keyturn.secrets SET guard_seq = guard_seq + 1 WHERE secret = $1', [found.secret]);\n        await makeDue(session, rotationId);\n        await noteDeed(session, { ...found, rotationId, by, action: `command",
    'await makeDue(session, rotationId);\n        await noteDeed(session, { ...found, rotationId, by, action: `command',
  ),
  clause(
    'a hold is not seen by guards',
    operations,
    'held_at = clock_timestamp(), guard_seq = guard_seq + 1',
    'held_at = clock_timestamp()',
  ),
  clause('a release is not seen by guards', operations, 'held_at = NULL, guard_seq = guard_seq + 1', 'held_at = NULL'),
  clause(
    'a command waits for no decision',
    operations,
    '(SELECT secret FROM keyturn.rotations WHERE rotation_id = $1)\n     FOR NO KEY UPDATE',
    '(SELECT secret FROM keyturn.rotations WHERE rotation_id = $1)',
  ),
  clause('who looks behind an effect waits for no hold', standing, 's.secret = $2 FOR SHARE', 's.secret = $2'),
  clause('a command is taken after the end', operations, 'if (found.isClosed) throw', 'if (false) throw'),
  clause(
    'a cancel is taken after destroy was decided',
    operations,
    "if (found.decision === 'destroy') throw",
    'if (false) throw',
  ),
  clause(
    'a hold does not tell what is on its way',
    operations,
    '(await takingAwayNow(session, secret)) ??',
    'undefined ??',
  ),
  // The store.
  clause('the store asks for no epoch', store, 'AND lease.epoch = p_epoch\n', ''),
  clause('the store asks for no rotation', store, 'AND lease.rotation_id = p_rotation\n', ''),
  clause(
    'the store asks for no end of the lease',
    store,
    'AND NOT lease.released\n       AND lease.expires_at > clock_timestamp());',
    'AND NOT lease.released);',
  ),
  clause('the store takes a lease that was given back', store, 'AND NOT lease.released\n', ''),
  clause(
    'the store locks nothing',
    store,
    "PERFORM pg_advisory_xact_lock(hashtextextended('keyturn-store:' || p_secret, 0));\n  -- A statement",
    '-- A statement',
  ),
  clause(
    'current moves from wherever it is',
    store,
    'IF current IS DISTINCT FROM p_from AND current IS DISTINCT FROM p_to THEN',
    'IF false THEN',
  ),
  clause(
    'current moves to what is not there',
    store,
    'AND NOT EXISTS (SELECT FROM keyturn.versions AS v WHERE v.secret = p_secret AND v.version = p_to) THEN',
    'AND false THEN',
  ),
  clause(
    'a rotation puts a second version',
    store,
    'FROM keyturn.versions AS v WHERE v.secret = p_secret AND v.rotation_id = p_rotation;',
    'FROM keyturn.versions AS v WHERE false;',
  ),
  clause('a value is put again', store, 'WHERE v.secret = p_secret AND v.digest = p_digest) THEN', 'WHERE false) THEN'),
  clause(
    'what was promoted is pending again',
    store,
    "WHERE l.secret = p_secret AND l.label = 'current' AND l.version = store_put_pending.version) THEN",
    'WHERE false) THEN',
  ),
  clause(
    'a promoted version stays pending',
    store,
    "AND l.label = 'pending' AND l.version = p_to) THEN",
    'AND false) THEN',
  ),
  clause('a label that moves leaves no trace', store, 'IF v_from IS NOT DISTINCT FROM p_to THEN', 'IF true THEN'),
  clause(
    'a labelled version is pruned',
    store,
    'IF EXISTS (SELECT FROM keyturn.labels WHERE secret = p_secret AND version = v_version) THEN',
    'IF false THEN',
  ),
  clause(
    'a pending label of another version is taken off',
    store,
    "AND label = 'pending' AND version = p_version) THEN",
    "AND label = 'pending') THEN",
  ),
  clause(
    'a person puts while a rotation is open',
    store,
    "WHERE r.secret = p_secret AND r.closed_at IS NULL;\n  IF FOUND THEN\n    outcome := 'open'",
    "WHERE r.secret = p_secret AND r.closed_at IS NULL;\n  IF false THEN\n    outcome := 'open'",
  ),
  clause(
    'a person puts over what somebody else put',
    store,
    'IF current IS DISTINCT FROM p_replaces THEN',
    'IF false THEN',
  ),
  clause(
    'a person waits for no rotation that begins',
    store,
    'WHERE s.secret = p_secret FOR NO KEY UPDATE;',
    'WHERE s.secret = p_secret;',
  ),

  // Writes to a store outside.
  clause('a write outside is sent by who was taken over', sends, 'AND epoch = $3 AND NOT released', 'AND NOT released'),
  clause('a write outside is sent by who gave the lease back', sends, 'AND NOT released AND', 'AND'),
  clause(
    'a write outside is sent under a lease that ran out',
    sends,
    ' AND expires_at > clock_timestamp() FOR',
    ' FOR',
  ),
  clause(
    'a write outside does not wait for a takeover',
    sends,
    'expires_at > clock_timestamp() FOR SHARE',
    'expires_at > clock_timestamp()',
  ),
  clause(
    'a put outside waits for that of an earlier rotation',
    sends,
    'AS left_ms\n           FROM keyturn.store_puts WHERE secret = $1 AND rotation_id = $2',
    'AS left_ms\n           FROM keyturn.store_puts WHERE secret = $1 AND $2::text IS NOT NULL',
  ),
  clause(
    'the note of a later put is taken back',
    sends,
    'AND l.secret = $1 AND l.epoch = $3',
    'AND l.secret = $1 AND $3::bigint IS NOT NULL',
  ),
  clause(
    'a token costs nothing',
    rate,
    'greatest(told.free_at, clock.now - told.interval / 2) + told.interval',
    'greatest(told.free_at, clock.now - told.interval / 2)',
  ),
  clause('what is not granted costs a token', rate, 'ELSE told.free_at END', 'ELSE told.free_at + told.interval END'),
  clause(
    'a bucket waits for a clock that went back',
    rate,
    "(SELECT $2::float8 * interval '1 millisecond' AS interval,\n                                   least(r.free_at, clock.now + $4::float8 * interval '1 millisecond') AS free_at",
    "(SELECT $2::float8 * interval '1 millisecond' AS interval,\n                                   r.free_at + $4::float8 * interval '0 millisecond' AS free_at",
  ),
  ...plantedOverdueClauses,
  ...plantedAckClauses,
  ...plantedWebhookClauses,
];
