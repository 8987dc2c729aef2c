import { type PlantedClause, clause } from './planted-clause.js';

const overdue = 'src/adapters/postgres/migrations/0014_secret_overdue.sql';

/** The clauses by which somebody is told of a secret that is overdue. */
export const plantedOverdueClauses: readonly PlantedClause[] = [
  clause(
    'who has been rotated is told of',
    overdue,
    'IF v_secret.last_rotated_at >= v_secret.owed_since THEN',
    'IF false THEN',
  ),
  clause('who is overdue is told of without end', overdue, 'overdue_at = v_at + v_after', 'overdue_at = s.overdue_at'),
  clause(
    'who does not want it is told of who is overdue',
    overdue,
    "\n       AND (e.events IS NULL OR 'secret.overdue' = ANY (e.events))",
    '',
  ),
  clause('who is gone is told of who is overdue', overdue, 'e.declared AND NOT e.gone', 'e.declared'),
  clause('who is no longer declared is told of who is overdue', overdue, 'e.declared AND NOT e.gone', 'NOT e.gone'),
];
