/** How long a rotation waits, and for what. All numbers are milliseconds unless their name says otherwise. */
export interface Policy {
  /** How long the canary must stay well after it passed. */
  readonly soakMs: number;
  /** How long, in all, the canary may not be well before the rotation rolls back. What it soaks for is not counted. */
  readonly canaryMaxMs: number;
  /** How many canary consumers must have proved. Absent: all, as in every journal from before it could be said. */
  readonly canaries?: Canaries;
  /**
   * What becomes of a rotation whose canary has had its time and lacks nothing but a check that nobody could tell. Absent:
   * it turns back.
   */
  readonly unknownChecks?: 'undo' | 'park';
  /** The least time between promote and disable. The longest cache TTL that a consumer declares counts as well. */
  readonly graceMs: number;
  /** Quiet: no session with the old identity was opened for this long, counted from the last required proof. */
  readonly quietMs: number;
  /** How old a session with the old identity may get before `disable` ends it rather than wait for it. */
  readonly maxSessionAgeMs: number;
  /** How long draining may take before the rotation parks. It never revokes by time. */
  readonly drainMaxMs: number;
  /** What becomes of a rotation whose drain has had its time: `extend` waits on. Absent: it parks. */
  readonly onDrainMax?: 'park' | 'extend';
  /** What a refusal by a consumer does after promote, while the old credential works. Absent: it turns back. */
  readonly onRefusal?: 'undo' | 'park';
  /** How long the old credential stays disabled, and reversible, before it is destroyed. */
  readonly watchMs: number;
  /** How often a waiting gate looks again. */
  readonly pollMs: number;
  readonly retry: RetryPolicy;
}

/**
 * How many of the canary consumers that are declared: a count of 1 or more, or a percentage from 1 to 100, rounded up.
 * Who is not waited for may still refuse, and that turns back as ever.
 */
export type Canaries = 'all' | { readonly count: number } | { readonly percent: number };

/** How many of `declared` canary consumers must have proved. */
export function canariesNeeded(canaries: Canaries, declared: number): number {
  if (canaries === 'all') return declared;
  if ('count' in canaries) return canaries.count;
  return Math.ceil((declared * canaries.percent) / 100);
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
