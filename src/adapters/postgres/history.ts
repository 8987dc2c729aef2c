import type { StoredHistory } from '../../core/history/stored.js';
import type { HistoryReader } from '../../ports/history.js';
import { type Session, rowOf, rowsOf } from './statements.js';

/** Rotations of a page. Each has some sixty events. */
const PAGE = 100;

/**
 * One page of histories.
 *
 * In: $1 secret or null, $2 milliseconds since 1970 or null, $3 the time of the call, $4 the last rotation of the page
 * before or null, $5 how many. Out: rotations by secret and age, with their events in order, and where the journal and
 * the audit trail, which were written in one statement, do not say the same. No row: there are no more.
 *
 * `= ANY (ARRAY(…))` and not `IN`: it is looked up by the index, whatever the planner takes a page for. The audit trail
 * has an index by secret alone, so a page reads all of the trail of its secrets.
 */
const page = `
  WITH page AS MATERIALIZED (
    SELECT r.rotation_id, r.secret, r.seq, r.status, r.closed_at IS NOT NULL AS is_closed, r.requested_at FROM keyturn.rotations r
    WHERE ($1::text IS NULL OR r.secret = $1) AND ($2::double precision IS NULL OR r.requested_at >= keyturn.from_ms($2))
      AND r.requested_at <= $3::timestamptz
      AND ($4::text IS NULL OR (r.secret, r.requested_at, r.rotation_id)
        > (SELECT l.secret, l.requested_at, l.rotation_id FROM keyturn.rotations l WHERE l.rotation_id = $4))
    ORDER BY r.secret, r.requested_at, r.rotation_id LIMIT $5
  ), written AS MATERIALIZED (
    SELECT j.* FROM keyturn.journal j WHERE j.rotation_id = ANY (ARRAY(SELECT rotation_id FROM page))
  ), audited AS MATERIALIZED (
    SELECT a.rotation_id, CASE jsonb_typeof(a.facts->'seq') WHEN 'number' THEN (a.facts->>'seq')::numeric END AS seq, a.at, a.action, a.facts
    FROM keyturn.audit a
    WHERE a.secret = ANY (ARRAY(SELECT DISTINCT secret FROM page)) AND a.rotation_id = ANY (ARRAY(SELECT rotation_id FROM page))
      AND a.facts ? 'seq'
  ), unlike AS (
    SELECT coalesce(w.rotation_id, a.rotation_id) AS rotation_id, coalesce(w.seq, a.seq, 0)::double precision AS seq,
      CASE WHEN a.rotation_id IS NULL THEN 'it has no row in the audit trail'
           WHEN w.rotation_id IS NULL THEN 'the audit trail has it and the journal does not'
           ELSE 'the journal and the audit trail do not say the same of it' END AS what
    FROM written w FULL JOIN audited a ON a.rotation_id = w.rotation_id AND a.seq = w.seq
    WHERE a.rotation_id IS NULL OR w.rotation_id IS NULL OR w.at IS DISTINCT FROM a.at OR w.kind IS DISTINCT FROM a.action
      OR w.kind IS DISTINCT FROM w.event->>'kind'
      OR a.facts IS DISTINCT FROM w.event || jsonb_build_object('seq', w.seq, 'epoch', w.epoch)
  )
  SELECT p.rotation_id AS "rotationId", p.secret,
    json_build_object('seq', p.seq, 'status', p.status, 'isClosed', p.is_closed) AS row,
    coalesce(e.events, '[]') AS events, coalesce(u.places, '[]') AS unlike
  FROM page p
  LEFT JOIN (
    SELECT rotation_id, json_agg(json_build_object('seq', seq, 'atMs', keyturn.to_ms(at), 'epoch', epoch, 'event', event) ORDER BY seq) AS events
    FROM written GROUP BY rotation_id) e USING (rotation_id)
  LEFT JOIN (
    SELECT rotation_id, json_agg(json_build_object('seq', seq, 'what', what) ORDER BY seq) AS places
    FROM unlike GROUP BY rotation_id) u USING (rotation_id)
  ORDER BY p.secret, p.requested_at, p.rotation_id`;

/** The histories in PostgreSQL, a page at a time, so that any number of them fits. */
export function postgresHistory(pool: Session): HistoryReader {
  return {
    async *histories({ secret, sinceMs }) {
      // What is requested later is left out: it may begin while an earlier page has shown the one before it open.
      const called = await rowOf<{ at: string }>(pool, 'SELECT clock_timestamp()::text AS at');
      let last: string | null = null;
      for (;;) {
        const rows: readonly StoredHistory[] = await rowsOf<StoredHistory>(pool, page, [
          secret ?? null,
          sinceMs ?? null,
          called?.at,
          last,
          PAGE,
        ]);
        yield* rows;
        const end = rows.at(-1);
        if (end === undefined || rows.length < PAGE) return;
        last = end.rotationId;
      }
    },

    // A journal without a row cannot say of which secret it was but by its audit trail.
    async strays({ secret }) {
      const rows = await rowsOf<{ id: string }>(
        pool,
        `SELECT DISTINCT j.rotation_id AS id FROM keyturn.journal j
         WHERE $1::text IS NULL AND NOT EXISTS (SELECT FROM keyturn.rotations r WHERE r.rotation_id = j.rotation_id)
         UNION
         SELECT a.rotation_id FROM keyturn.audit a
         WHERE ($1::text IS NULL OR a.secret = $1) AND a.facts ? 'seq' AND a.rotation_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM keyturn.rotations r WHERE r.rotation_id = a.rotation_id)
         ORDER BY id`,
        [secret ?? null],
      );
      return rows.map(({ id }) => id);
    },
  };
}
