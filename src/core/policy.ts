/** How long a rotation waits, and for what. All numbers are milliseconds unless their name says otherwise. */
export interface Policy {
  /** How long the canary must stay well after it passed. */
  readonly soakMs: number;
  /** How long canary consumers may take before the rotation rolls back. */
  readonly canaryMaxMs: number;
  /** The least time between promote and disable. The longest cache TTL that a consumer declares counts as well. */
  readonly graceMs: number;
  /** Quiet: no session with the old identity was opened for this long, counted from the last required proof. */
  readonly quietMs: number;
  /** How old a session with the old identity may get before `disable` ends it rather than wait for it. */
  readonly maxSessionAgeMs: number;
  /** How long draining may take before the rotation parks. It never revokes by time. */
  readonly drainMaxMs: number;
  /** How long the old credential stays disabled, and reversible, before it is destroyed. */
  readonly watchMs: number;
  /** How often a waiting gate looks again. */
  readonly pollMs: number;
  readonly retry: RetryPolicy;
}

/** Exponential back-off with jitter, capped per cycle and in cycles, then the rotation rolls back or parks. */
export interface RetryPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Attempts before the delay starts again at `firstMs`. */
  readonly attemptsPerCycle: number;
  readonly cycles: number;
}

/** What holds where a secret says nothing else. */
export const defaultPolicy: Policy = {
  soakMs: 0,
  canaryMaxMs: 10 * 60_000,
  graceMs: 60_000,
  quietMs: 60_000,
  maxSessionAgeMs: 60 * 60_000,
  drainMaxMs: 24 * 60 * 60_000,
  watchMs: 5 * 60_000,
  pollMs: 10_000,
  retry: { firstMs: 10_000, maxMs: 5 * 60_000, attemptsPerCycle: 8, cycles: 3 },
};
