import type { Accepted, Async, RotationIntake } from '../../ports/journal.js';
import { jsonText } from './json-text.js';
import { type Session, answerOf } from './statements.js';

/** Where rotations begin, in one statement; `keyturn.accept` in the migrations says what it does. */
export function postgresIntake(pool: Session): Async<RotationIntake> {
  return {
    accept: (plan, claims) =>
      answerOf<Accepted>(pool, 'SELECT keyturn.accept($1, $2) AS answer', [jsonText(plan), [...claims]]),
  };
}
