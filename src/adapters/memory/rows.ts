import type { Plan } from '../../core/plan.js';
import type { Status } from '../../core/rotation.js';
import type { Recorded } from '../../core/rotation-event.js';
import type { PendingCommand } from '../../ports/journal.js';

/** A rotation, as the journal keeps it. */
export interface RotationRow {
  readonly plan: Plan;
  readonly events: Recorded[];
  readonly commands: PendingCommand[];
  readonly waived: Set<string>;
  readonly sealed: Map<string, Uint8Array>;
  readonly claims: Set<string>;
  status: Status;
  step: string;
  decision: 'roll-back' | 'destroy' | null;
  commandId: number;
  /** Milliseconds since 1970; null: not until somebody rings. */
  dueMs: number | null;
  rungMs: number | null;
  rings: number;
}

/** Who may write for a secret. */
export interface LeaseRow {
  readonly rotationId: string;
  readonly holder: string;
  readonly epoch: number;
  readonly target: string;
  expiresMs: number;
  released: boolean;
}

/** What people have said about a secret. */
export interface SecretRow {
  held: boolean;
  guardSeq: number;
  fenceKnown: boolean;
}

/** A target with its limit and breaker. */
export interface TargetRow {
  concurrency: number | null;
  failures: number;
  probeMs: number;
}

/** A copy that later changes of the row do not reach. What is recorded is never changed, so events are shared. */
export function copiedRotation(row: RotationRow): RotationRow {
  return {
    ...row,
    events: [...row.events],
    commands: [...row.commands],
    waived: new Set(row.waived),
    sealed: new Map(row.sealed),
    claims: new Set(row.claims),
  };
}

/** A copy of a table, row by row. */
export function copied<Row>(
  rows: ReadonlyMap<string, Row>,
  copy: (row: Row) => Row = (row) => ({ ...row }),
): Map<string, Row> {
  return new Map([...rows].map(([key, row]) => [key, copy(row)]));
}
