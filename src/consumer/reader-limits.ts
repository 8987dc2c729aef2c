/** How long and how much a cached reader goes by what it holds. */
export interface ReaderLimits {
  /**
   * How long a value is served without asking, from when it was asked for; by chance up to a tenth less, so that many
   * processes do not ask together. 0 asks each time.
   */
  readonly ttlMs: number;
  /** How old a value may become while the store does not answer. After it readers get the error. */
  readonly staleMs: number;
  /** After how long a read counts as failed. */
  readonly timeoutMs: number;
  /** After the first failure in a row the store is left alone for this long, doubled by each further one. */
  readonly firstBackOffMs: number;
  /** The most that doubling comes to. */
  readonly maxBackOffMs: number;
  /**
   * How long the store must go on answering an older version than the held one before it is believed. A single such
   * answer is a replica that lags; one that stays is a label moved back, or a parameter deleted and made anew.
   */
  readonly olderMs: number;
  /** How many names are held; beyond, the one not read for longest is forgotten. */
  readonly maxNames: number;
}

/**
 * A change at the store is in use after at most `ttlMs + timeoutMs` where it answers, and one failed read later after
 * another `maxBackOffMs + timeoutMs`: together less than a minute. A label moved back: `ttlMs + olderMs + 2 timeoutMs`.
 */
export const cachedReaderDefaults = {
  ttlMs: 30_000,
  staleMs: 600_000,
  timeoutMs: 5_000,
  firstBackOffMs: 1_000,
  maxBackOffMs: 15_000,
  olderMs: 10_000,
  maxNames: 1_000,
} as const satisfies ReaderLimits;

const maxTimerMs = 2 ** 31 - 1;

/** The defaults, with what the application wants otherwise. *Errors*: `RangeError` for a number that cannot be used. */
export function limitsOf(options: Partial<ReaderLimits>): ReaderLimits {
  const limits: Record<keyof ReaderLimits, number> = { ...cachedReaderDefaults };
  // The keys of an object that is written out above.
  for (const key of Object.keys(limits) as (keyof ReaderLimits)[]) {
    const given = options[key];
    if (given === undefined) continue;
    const least = key === 'maxNames' || key === 'timeoutMs' ? 1 : 0;
    if (!(given >= least && given <= maxTimerMs)) throw new RangeError(`${key} must be from ${least} to ${maxTimerMs}`);
    limits[key] = given;
  }
  return limits;
}
