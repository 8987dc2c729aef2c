import { ParameterCache } from './parameter-cache.js';
import type { ReaderLimits } from './reader-limits.js';

/** A value as the store gave it, and the version it was given as. Frozen: all who read the name share it. */
export interface Reading<T> {
  readonly value: T;
  readonly version: number;
}

/** What the application's `read` answers. Without a value or a version it counts as failed. */
export interface ParameterAnswer<T> {
  readonly value: T | undefined;
  readonly version: number | undefined;
}

/** A read of the store that brought nothing. For the application's own log, which must expect values in `error`. */
export interface ReadFailure {
  readonly name: string;
  /** The name of the error, as `ThrottlingException`: never a value. */
  readonly reason: string;
  /** What `read` threw, as it came: a parser's message quotes what it could not parse. */
  readonly error: unknown;
  /** How long ago the value was read that is served meanwhile. Undefined where there is none: readers get the error. */
  readonly heldForMs: number | undefined;
}

/** How to read, and for how long to go by it. Whatever is left out is as `cachedReaderDefaults` says. */
export interface CachedReaderOptions<T> extends Partial<ReaderLimits> {
  /**
   * Asks the store, or anything else. Called once at a time for a name, however many wait for it. `signal` aborts
   * after `timeoutMs`, and on `close`.
   */
  readonly read: (name: string, options: { readonly signal: AbortSignal }) => Promise<ParameterAnswer<T>>;
  /** Told of every failure, also while an older value is served. What it throws is dropped. */
  readonly onFailure?: (failure: ReadFailure) => void;
  /**
   * Milliseconds of a clock that never goes back. Default `performance.now`. Where the process is frozen between calls
   * (AWS Lambda) that clock may stand still meanwhile: pass `Date.now`.
   */
  readonly now?: () => number;
  /** Spreads what many processes do at once. In [0, 1). */
  readonly random?: () => number;
}

/** Values by name, from memory while they are fresh. */
export interface CachedReader<T> {
  /**
   * The value to use now. Answers from memory while it is fresh, else asks; all who want a name at once share one
   * call. While the store fails nobody waits for it: the held value is answered, and one call behind it tries again.
   *
   * *Errors*: `ParameterReadError`, where the store does not answer and nothing held is young enough.
   */
  read(name: string): Promise<Reading<T>>;
  /**
   * Asks the store now, as after a webhook that says a rotation was promoted. A read that was already under way does
   * not count. *Repeat*: those who wait share one read; while backing off, as `read`. *Errors*: as `read`.
   */
  refresh(name: string): Promise<Reading<T>>;
  /**
   * Says that a value does not work, as after a refused login: the next `read` asks the store, and believes an older
   * version at once. The value stays what is served while the store is away. `version`: the one that was refused;
   * nothing happens where another is held by now. *Repeat*: makes at most one read in `firstBackOffMs`.
   */
  invalidate(name: string, version?: number): void;
  /** Forgets every value, aborts what is under way, and refuses to read from then on. *Repeat*: nothing. */
  close(): void;
}

/**
 * Reads parameters through a cache in the memory of this process. What nobody reads is not asked for: there is no timer
 * but the one that ends a call that hangs.
 *
 * *Errors*: `RangeError` for a number that cannot be used.
 */
export function createCachedReader<T>(options: CachedReaderOptions<T>): CachedReader<T> {
  return new ParameterCache(options);
}
