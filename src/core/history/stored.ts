import { type Judged, judgeRotation } from '../history.js';
import { isOpen } from '../rotation.js';
import type { Recorded } from '../rotation-event.js';
import type { HistoryOptions, Violation } from './violation.js';

/** One rotation as the tables have it, each of which says some of the same. */
export interface StoredHistory {
  readonly rotationId: string;
  readonly secret: string;
  /** What its row says. */
  readonly row: { readonly seq: number; readonly status: string; readonly isClosed: boolean };
  readonly events: readonly Recorded[];
  /** Events whose audit row is missing, is another, or is all there is. */
  readonly unlike: readonly { readonly seq: number; readonly what: string }[];
}

/** Judges a rotation by its events and by what else was written in the same transactions. */
export function judgeStored(stored: StoredHistory, options: HistoryOptions): Judged {
  const { rotationId, secret, row, events, unlike } = stored;
  const judged = judgeRotation(events, options, rotationId);
  const last = events.at(-1);
  const found: Violation[] = [];
  const tell = (seq: number, what: string): void => void found.push({ invariant: 'A2', rotationId, seq, what });
  if (row.seq !== (last?.seq ?? 0))
    tell(row.seq, `its row knows of ${row.seq} events and the journal ends at ${last?.seq ?? 0}`);
  const isClosed = last?.event.kind === 'RotationClosed';
  const isSo = isClosed
    ? row.isClosed && row.status === last.event.status
    : !row.isClosed && isOpen(row.status as never);
  if (!isSo)
    tell(
      last?.seq ?? 0,
      `its row says that it is ${row.status}, and the journal ${isClosed ? 'that it has ended otherwise' : 'has no end'}`,
    );
  if (judged.flight !== null && judged.flight.secret !== secret)
    tell(1, `its row is of ${secret} and its plan of ${judged.flight.secret}`);
  for (const { seq, what } of unlike) tell(seq, what);
  return { ...judged, violations: [...judged.violations, ...found] };
}
