/**
 * The fencing number of an executor: a later era is newer than any epoch of an earlier one. Epochs come from one
 * database-wide sequence, so no two acquisitions of a lease ever share one; eras rise when the database was rewound.
 */
export interface FenceToken {
  readonly era: number;
  readonly epoch: number;
}

/** Negative where `a` is older than `b`, 0 where they are the same, positive where it is newer. */
export function compareTokens(a: FenceToken, b: FenceToken): number {
  return a.era - b.era || a.epoch - b.epoch;
}

/** What a target that can fence does with a request. */
export type FenceVerdict = 'pass' | 'stale' | 'missing';

/**
 * Judges a request against the token stored at the target.
 *
 * - `stale`: the stored token is newer. Whether a newer executor was here, or our database is older than it was, only
 *   the database can tell ({@link isRewound}).
 * - `missing`: there is no token although this secret has had one: somebody removed or restored it.
 */
export function judgeFence(stored: FenceToken | null, mine: FenceToken & { readonly known: boolean }): FenceVerdict {
  if (stored === null) return mine.known ? 'missing' : 'pass';
  return compareTokens(stored, mine) <= 0 ? 'pass' : 'stale';
}

/** True where a token at a target is newer than anything our database has given out: it was restored from an older state. */
export function isRewound(stored: FenceToken, newest: FenceToken): boolean {
  return compareTokens(stored, newest) > 0;
}
