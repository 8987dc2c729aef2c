import { keyturnError } from '../../core/errors.js';

/** When a rotator is no longer started. */
export interface QuarantineOptions {
  /** Crashes in a row, without an answer in between. */
  readonly maxCrashes: number;
  /** How long it is left alone. One more crash after that begins the next. Milliseconds. */
  readonly lastsMs: number;
  /** A clock that only goes forward. Milliseconds. */
  readonly nowMs: () => number;
}

/** Counts the crashes of one rotator in this worker. */
export interface Quarantine {
  crashed(): void;
  answered(): void;
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
    answered: () => {
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
