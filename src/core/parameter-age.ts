/** Times of a parameter. Milliseconds since 1970. */
export interface ParameterTimes {
  readonly changedAtMs: number;
  /** When the oldest version that is kept was put. */
  readonly sinceMs: number;
  /** Null: never, as far as the record goes. */
  readonly lastReadAtMs: number | null;
}

/** How far back the record of reads goes, seen from when. */
export interface RecordTimes {
  readonly nowMs: number;
  /** Null: nothing is on record. */
  readonly recordedSinceMs: number | null;
}

/**
 * For how long it is certain that nobody has read a parameter. A parameter that was put yesterday is not unused for a
 * month, and neither is one of whose reads there is no record before yesterday. Milliseconds.
 */
export function unreadForMs(
  { lastReadAtMs, sinceMs }: ParameterTimes,
  { nowMs, recordedSinceMs }: RecordTimes,
): number {
  return Math.max(0, nowMs - Math.max(lastReadAtMs ?? sinceMs, sinceMs, recordedSinceMs ?? nowMs));
}

/** For how long a parameter has had its newest version. Milliseconds. */
export function unchangedForMs({ changedAtMs }: ParameterTimes, { nowMs }: RecordTimes): number {
  return Math.max(0, nowMs - changedAtMs);
}
