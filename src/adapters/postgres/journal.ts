import { Buffer } from 'node:buffer';
import type { Append, Appended, Async, Journal, Surroundings } from '../../ports/journal.js';
import type { Recorded } from '../../core/rotation-event.js';
import { jsonText } from './json-text.js';
import { type Session, answerOf, rowOf } from './statements.js';

/**
 * The journal in PostgreSQL. An append is one statement and so one round trip and one commit; what it does stands at
 * the head of `keyturn.append` in the migrations.
 */
export function postgresJournal(pool: Session): Async<Journal> {
  return {
    // In: a rotation. Out: its events in order and what stands beside them; no row where there is no such rotation.
    async load(rotationId) {
      const row = await rowOf<{ events: readonly Recorded[]; surroundings: Surroundings }>(
        pool,
        `SELECT (
           SELECT json_agg(json_build_object('seq', j.seq, 'atMs', keyturn.to_ms(j.at), 'epoch', j.epoch, 'event', j.event) ORDER BY j.seq)
           FROM keyturn.journal j WHERE j.rotation_id = r.rotation_id
         ) AS events, keyturn.surroundings(r.rotation_id) AS surroundings
         FROM keyturn.rotations r WHERE r.rotation_id = $1`,
        [rotationId],
      );
      return row ?? null;
    },
    append: (append) => answerOf<Appended>(pool, 'SELECT keyturn.append($1) AS answer', [appendText(append)]),
  };
}

function appendText(append: Append): string {
  return jsonText({
    ...append,
    sealed: append.sealed.map(({ slot, sealed }) => ({ slot, sealed: Buffer.from(sealed).toString('hex') })),
  });
}
