import type { Bound, Standing, StandingPort } from '../../ports/step-ports.js';
import { keyturnError } from '../../core/errors.js';
import { type Session, rowOf } from './statements.js';

/** What people and time have to say about a secret. */
export function postgresStanding(pool: Session): Bound<StandingPort> {
  return {
    // The lock waits for a hold or waiver that is being written, and shares the row with other readers.
    // No row: there is no such rotation.
    async read({ plan }) {
      const row = await rowOf<Standing>(
        pool,
        `SELECT keyturn.to_ms(clock_timestamp()) AS "nowMs", s.held_by IS NOT NULL AS held,
           ARRAY(SELECT w.consumer FROM keyturn.waivers w WHERE w.rotation_id = $1 ORDER BY 1) AS waived,
           s.guard_seq::double precision AS "guardSeq"
         FROM keyturn.secrets s WHERE s.secret = $2 FOR SHARE`,
        [plan.rotationId, plan.secret],
      );
      if (row === undefined) throw keyturnError('UNKNOWN_ROTATION', { rotation: plan.rotationId });
      return row;
    },
  };
}
