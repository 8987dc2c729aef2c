import type { Recorded } from '../../core/rotation-event.js';
import { isOpen } from '../../core/rotation.js';
import type { RotationRow, Views } from '../../ports/operations.js';
import { type WaitOptions, until } from './waiting.js';

/** A rotation, seen from outside while it goes on. */
export interface Followed {
  readonly rotationId: string;
  /** What its journal holds so far. */
  readonly events: readonly Recorded[];
  /** Settles when it has ended or is parked. */
  readonly ended: Promise<RotationRow>;
}

/** Reads the journal of a rotation until it ends. Each event is shown once, in order. */
export function followRotation(
  views: Views,
  rotationId: string,
  options: WaitOptions & { readonly show: (event: Recorded) => void },
): Followed {
  const events: Recorded[] = [];
  const look = async (): Promise<RotationRow | undefined> => {
    // The row first: whatever ended the rotation is then among the events read after it.
    const row = await views.rotation(rotationId);
    for (const event of await views.events(rotationId, events.at(-1)?.seq ?? 0)) {
      events.push(event);
      options.show(event);
    }
    return row === null || (isOpen(row.status) && row.status !== 'parked') ? undefined : row;
  };
  const ended = until(`rotation ${rotationId} ends`, look, { everyMs: 25, ...options });
  // Awaited later; a failure in the meantime is not lost.
  ended.catch(() => {});
  return { rotationId, events, ended };
}

/** True where this step is done in these events. */
export function isDone(events: readonly Recorded[], step: string): boolean {
  return events.some(({ event }) => event.kind === 'StepDone' && event.step === step);
}
