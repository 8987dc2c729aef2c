import { keyturnError } from '../../core/errors.js';

/** When a rotator is no longer started. */
export interface QuarantineOptions {
  /** Processes in a row that crashed, with none in between that ended as it was told to. */
  readonly maxCrashes: number;
  /** How long it is left alone. One more crash after that begins the next. Milliseconds. */
  readonly lastsMs: number;
  /** A clock that only goes forward. Milliseconds. */
  readonly nowMs: () => number;
}

/** Counts the crashes of one rotator in this worker. An answer does not begin the count anew: before the call that crashes, others are answered. */
export interface Quarantine {
  /** One of its processes ended by itself, or had to be killed. */
  crashed(): void;
  /** One of its processes ended when it was told to. */
  endedWell(): void;
  /** *Errors* `ROTATOR_QUARANTINED` while it lasts. */
  assertOver(rotator: string): void;
}

/** See {@link Quarantine}. */
export function openQuarantine({ maxCrashes, lastsMs, nowMs }: QuarantineOptions): Quarantine {
  let crashes = 0;
  let untilMs = 0;
  return {
    crashed: () => {
      crashes += 1;
      if (crashes >= maxCrashes) untilMs = nowMs() + lastsMs;
    },
    endedWell: () => {
      crashes = 0;
      untilMs = 0;
    },
    assertOver: (rotator) => {
      const leftMs = untilMs - nowMs();
      if (leftMs <= 0) return;
      throw keyturnError('ROTATOR_QUARANTINED', { rotator, crashes, minutes: Math.ceil(leftMs / 60_000) });
    },
  };
}
