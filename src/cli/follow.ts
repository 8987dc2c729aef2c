import { setTimeout as delay } from 'node:timers/promises';
import { keyturnError } from '../core/errors.js';
import type { Recorded } from '../core/rotation-event.js';
import type { RotationRow, Views } from '../ports/operations.js';
import type { Terminal } from './doors.js';
import { exitCodeOf } from './output.js';

/** Between two looks at the database: short enough to feel live, one indexed query each. Milliseconds. */
export const pollMs = 250;

/** *Errors* `UNKNOWN_ROTATION`. */
export async function findRotation(views: Views, idOrPrefix: string): Promise<RotationRow> {
  const row = await views.rotation(idOrPrefix);
  if (row === null) throw keyturnError('UNKNOWN_ROTATION', { rotation: idOrPrefix });
  return row;
}

/** What is followed, and from where. */
export interface FollowOptions {
  readonly views: Views;
  readonly terminal: Terminal;
  /** Shows each event once, in order. */
  readonly show: (event: Recorded, row: RotationRow) => void;
  /** Events up to this one are not shown, and a rotation parked since before it is waited for. Default: all are shown. */
  readonly afterSeq?: number;
}

/**
 * Shows a rotation's events as they are written, until it ends, parks, or the process is interrupted.
 *
 * Polls the database: it needs neither the queue nor a worker of its own. *Returns* the row at the end.
 */
export async function follow(rotationId: string, options: FollowOptions): Promise<RotationRow> {
  const { views, terminal, show } = options;
  let seq = options.afterSeq ?? 0;
  let isParked = false;
  for (;;) {
    // The row first: whatever ended the rotation is then among the events read after it.
    const row = await findRotation(views, rotationId);
    const events = await views.events(row.rotationId, seq);
    for (const event of events) {
      show(event, row);
      seq = event.seq;
      if (event.event.kind === 'Parked') isParked = true;
      if (event.event.kind === 'CommandTaken') isParked = false;
    }
    const isNews = options.afterSeq === undefined || seq > options.afterSeq;
    // The row may be from before a command that stands among the events: parked is what is parked after it.
    const hasStopped = row.status === 'parked' ? isParked : exitCodeOf(row.status) !== undefined;
    if (isNews && hasStopped) return row;
    if (terminal.interrupted.aborted) return row;
    await delay(pollMs, undefined, { signal: terminal.interrupted }).catch(() => {});
  }
}
