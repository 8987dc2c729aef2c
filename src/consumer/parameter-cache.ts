import { backOffMs, isThrottling, reasonOf } from './back-off.js';
import type { CachedReader, CachedReaderOptions, ParameterAnswer, ReadFailure, Reading } from './cached-reader.js';
import { ParameterReadError } from './parameter-read-error.js';
import { type ReaderLimits, limitsOf } from './reader-limits.js';

/** What is known of one name. */
interface Entry<T> {
  readonly name: string;
  held: { readonly reading: Reading<T>; readonly answer: Promise<Reading<T>> } | undefined;
  /** When the read began that last confirmed the held value. */
  readMs: number;
  freshUntilMs: number;
  usedMs: number;
  /** A read under way. Never rejects: what came of it stands here. */
  flight: Promise<void> | undefined;
  /** In a row. */
  failures: number;
  failedMs: number;
  reason: string;
  notBeforeMs: number;
  /** Since when the store answers an older version than the held one. */
  olderSinceMs: number | undefined;
  isRefused: boolean;
}

/** The cache behind `createCachedReader`. */
export class ParameterCache<T> implements CachedReader<T> {
  // All private to the runtime as well: whoever prints the reader prints no value.
  readonly #read: CachedReaderOptions<T>['read'];
  readonly #limits: ReaderLimits;
  readonly #onFailure: (failure: ReadFailure) => void;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #underWay = new Set<AbortController>();
  /** Throttling is counted for the account, not for a name: until then nothing is asked for that is held. */
  #quietUntilMs = -Infinity;
  #throttlings = 0;
  #isClosed = false;

  constructor(options: CachedReaderOptions<T>) {
    this.#read = options.read;
    this.#limits = limitsOf(options);
    this.#onFailure = options.onFailure ?? (() => undefined);
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
  }

  read(name: string): Promise<Reading<T>> {
    const entry = this.#entries.get(name);
    const nowMs = this.#now();
    if (entry?.held === undefined || nowMs >= entry.freshUntilMs) return this.#ask(name, { waits: false });
    entry.usedMs = nowMs;
    return entry.held.answer;
  }

  async refresh(name: string): Promise<Reading<T>> {
    // It may have been answered before that happened of which the caller was told.
    await this.#entries.get(name)?.flight;
    return this.#ask(name, { waits: true });
  }

  invalidate(name: string, version?: number): void {
    const entry = this.#entries.get(name);
    if (entry?.held === undefined) return;
    if (version !== undefined && version !== entry.held.reading.version) return;
    entry.isRefused = true;
    // A loop of refused logins must not become a loop of calls at the store.
    entry.freshUntilMs = Math.min(entry.freshUntilMs, entry.readMs + this.#limits.firstBackOffMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#entries.clear();
    for (const each of this.#underWay) each.abort();
  }

  async #ask(name: string, { waits }: { readonly waits: boolean }): Promise<Reading<T>> {
    if (this.#isClosed) throw new ParameterReadError(name, 'ReaderClosed');
    const nowMs = this.#now();
    const entry = this.#entryOf(name, nowMs);
    if (entry.flight === undefined && this.#isDue(entry, nowMs)) {
      entry.flight = this.#fly(entry).finally(() => (entry.flight = undefined));
    }
    // After a long silence the last failure says nothing: then the answer is worth waiting for.
    const isFailing = entry.failures > 0 && nowMs - entry.failedMs < this.#limits.ttlMs;
    if (entry.flight !== undefined && (waits || !isFailing || !this.#isUsable(entry, nowMs))) await entry.flight;
    if (this.#isClosed) throw new ParameterReadError(name, 'ReaderClosed');
    if (entry.held !== undefined && (entry.failures === 0 || this.#isUsable(entry, this.#now()))) {
      return entry.held.reading;
    }
    throw new ParameterReadError(name, entry.reason);
  }

  #isDue(entry: Entry<T>, nowMs: number): boolean {
    return nowMs >= entry.notBeforeMs && (nowMs >= this.#quietUntilMs || !this.#isUsable(entry, nowMs));
  }

  #isUsable(entry: Entry<T>, nowMs: number): boolean {
    return entry.held !== undefined && nowMs - entry.readMs < this.#limits.staleMs;
  }

  async #fly(entry: Entry<T>): Promise<void> {
    const startedMs = this.#now();
    const { isRefused } = entry;
    const cut = new AbortController();
    const timer = setTimeout(() => {
      cut.abort(new DOMException('the read took too long', 'TimeoutError'));
    }, this.#limits.timeoutMs);
    this.#underWay.add(cut);
    try {
      // An application whose read ignores the signal must not hold up everybody who waits.
      const answer = await Promise.race([this.#read(entry.name, { signal: cut.signal }), abortOf(cut.signal)]);
      this.#take(entry, readingOf(answer), { startedMs, isRefused });
    } catch (error) {
      if (!this.#isClosed) this.#miss(entry, error);
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(cut);
    }
  }

  #take(
    entry: Entry<T>,
    reading: Reading<T>,
    asked: { readonly startedMs: number; readonly isRefused: boolean },
  ): void {
    const { startedMs } = asked;
    const { ttlMs, olderMs, firstBackOffMs } = this.#limits;
    entry.failures = 0;
    if (startedMs >= this.#quietUntilMs) this.#throttlings = 0;

    const heldVersion = entry.held?.reading.version ?? 0;
    if (reading.version < heldVersion && !asked.isRefused && this.#isUsable(entry, this.#now())) {
      entry.olderSinceMs ??= startedMs;
      if (startedMs - entry.olderSinceMs < olderMs) {
        entry.freshUntilMs = startedMs + Math.min(ttlMs, olderMs / 2);
        return;
      }
    }
    entry.olderSinceMs = undefined;
    // Asked for before it was refused, the same version once more says nothing.
    if (asked.isRefused || reading.version !== heldVersion) entry.isRefused = false;
    entry.held = { reading, answer: Promise.resolve(reading) };
    entry.readMs = startedMs;
    entry.freshUntilMs = startedMs + (entry.isRefused ? firstBackOffMs : ttlMs * (1 - 0.1 * this.#random()));
  }

  #miss(entry: Entry<T>, error: unknown): void {
    const nowMs = this.#now();
    const { firstBackOffMs: firstMs, maxBackOffMs: maxMs } = this.#limits;
    entry.failures += 1;
    entry.failedMs = nowMs;
    entry.reason = reasonOf(error);
    entry.notBeforeMs = nowMs + backOffMs({ firstMs, maxMs, failures: entry.failures, chance: this.#random() });
    if (isThrottling(error)) {
      this.#throttlings += 1;
      const delayMs = backOffMs({ firstMs, maxMs, failures: this.#throttlings, chance: this.#random() });
      this.#quietUntilMs = nowMs + delayMs;
    }
    const heldForMs = this.#isUsable(entry, nowMs) ? nowMs - entry.readMs : undefined;
    if (heldForMs === undefined) entry.held = undefined;
    try {
      this.#onFailure({ name: entry.name, reason: entry.reason, error, heldForMs });
    } catch {
      // A log that fails is no reason to keep a value from those who wait for it.
    }
  }

  #entryOf(name: string, nowMs: number): Entry<T> {
    const known = this.#entries.get(name);
    if (known !== undefined) {
      known.usedMs = nowMs;
      return known;
    }
    if (this.#entries.size >= this.#limits.maxNames) this.#forgetOne();
    const entry: Entry<T> = {
      name,
      held: undefined,
      readMs: -Infinity,
      freshUntilMs: -Infinity,
      usedMs: nowMs,
      flight: undefined,
      failures: 0,
      failedMs: -Infinity,
      reason: '',
      notBeforeMs: -Infinity,
      olderSinceMs: undefined,
      isRefused: false,
    };
    this.#entries.set(name, entry);
    return entry;
  }

  /** Looks at all of them: an order kept on every hit would cost more than this does beside a read of the store. */
  #forgetOne(): void {
    let oldest: Entry<T> | undefined;
    for (const each of this.#entries.values()) {
      if (oldest === undefined || each.usedMs < oldest.usedMs) oldest = each;
    }
    if (oldest !== undefined) this.#entries.delete(oldest.name);
  }
}

class IncompleteAnswer extends Error {
  override readonly name = 'IncompleteAnswer';
}

function readingOf<T>({ value, version }: ParameterAnswer<T>): Reading<T> {
  if (value === undefined || value === null || !Number.isSafeInteger(version) || version === undefined) {
    throw new IncompleteAnswer('read answered no value, or no whole number as its version');
  }
  return Object.freeze({ value, version });
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
