import { keyturnError } from '../../../core/errors.js';
import { type StorePool, ask } from './failure.js';

/** How fast a store may be written to, by all workers together. */
export interface StoreRateLimit {
  /** Names what is limited: an account and a region. All workers give it the same name. */
  readonly bucket: string;
  readonly perSecond: number;
}

/** What the bucket said. */
interface Told {
  readonly granted: boolean;
  /** The database's time. Milliseconds since 1970. */
  readonly atMs: number;
  /** When it is worth asking again. Milliseconds; 0 where it was granted. */
  readonly waitMs: number;
}

interface Waiter {
  readonly urgent: boolean;
  readonly resolve: (atMs: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Tokens beyond the rate that a quiet second leaves. The second of them is for what is urgent: it is granted while
 * everybody else is told to wait.
 */
const burst = 2;

/**
 * One token bucket for all workers, in one row. Any second has at most `perSecond` + 2 grants, by the database's clock.
 * Of those who wait in this process one asks at a time, what is urgent first.
 */
export class StoreRate {
  readonly #pool: StorePool;
  readonly #limit: StoreRateLimit;
  readonly #waiting = new Set<Waiter>();
  #isMade = false;
  #isAsking = false;
  #hurry: () => void = () => undefined;

  constructor(pool: StorePool, limit: StoreRateLimit) {
    this.#pool = pool;
    this.#limit = limit;
  }

  /** Waits for a token. *Returns* when it was granted: the database's time, in milliseconds since 1970. *Errors* `STORE_UNAVAILABLE` after `maxWaitMs`, or when the signal is aborted. */
  async turn(asked: {
    readonly urgent: boolean;
    readonly maxWaitMs: number;
    readonly signal: AbortSignal;
  }): Promise<number> {
    const given = AbortSignal.any([asked.signal, AbortSignal.timeout(asked.maxWaitMs)]);
    const late = (): Error => keyturnError('STORE_UNAVAILABLE');
    if (given.aborted) throw late();
    return new Promise<number>((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.delete(waiter);
        reject(late());
      };
      const done = (): void => given.removeEventListener('abort', giveUp);
      const waiter: Waiter = {
        urgent: asked.urgent,
        resolve: (atMs) => (done(), resolve(atMs)),
        reject: (error) => (done(), reject(error instanceof Error ? error : late())),
      };
      given.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(waiter);
      if (asked.urgent) this.#hurry();
      if (!this.#isAsking) void this.#serve();
    });
  }

  /**
   * Asks for one token (GCRA). `free_at` is when the next comes free; a grant moves it on by one interval, counted from
   * no earlier than half an interval ago: what a worker takes to ask is not lost to the rate, and a second still has no
   * more grants. It may lie ahead by one interval for what is urgent. Further ahead than grants can move it, it is of a clock that went back.
   * The clock is read once, when the row is locked.
   */
  async ask(urgent: boolean): Promise<Told> {
    const { bucket, perSecond } = this.#limit;
    if (!this.#isMade) {
      await ask(this.#pool, 'INSERT INTO keyturn.store_rates (bucket) VALUES ($1) ON CONFLICT DO NOTHING', [bucket]);
      this.#isMade = true;
    }
    const intervalMs = 1_000 / perSecond;
    const [row] = await ask<{ readonly granted: boolean; readonly at_ms: number; readonly free_ms: number }>(
      this.#pool,
      `UPDATE keyturn.store_rates AS r
          SET (asked_at, granted, free_at) = (
            SELECT clock.now, told.granted,
                   CASE WHEN told.granted THEN greatest(told.free_at, clock.now - told.interval / 2) + told.interval ELSE told.free_at END
              FROM (SELECT clock_timestamp() AS now OFFSET 0) AS clock,
                   LATERAL (SELECT $2::float8 * interval '1 millisecond' AS interval,
                                   least(r.free_at, clock.now + $4::float8 * interval '1 millisecond') AS free_at,
                                   least(r.free_at, clock.now + $4::float8 * interval '1 millisecond')
                                     <= clock.now + $3::float8 * interval '1 millisecond' AS granted) AS told)
        WHERE bucket = $1
        RETURNING granted, keyturn.to_ms(asked_at) AS at_ms, keyturn.to_ms(free_at) AS free_ms`,
      [bucket, intervalMs, urgent ? (burst - 1) * intervalMs : 0, burst * intervalMs],
    );
    if (row === undefined) throw keyturnError('STORE_UNAVAILABLE');
    const aheadMs = urgent ? (burst - 1) * intervalMs : 0;
    return {
      granted: row.granted,
      atMs: row.at_ms,
      waitMs: row.granted ? 0 : Math.max(1, Math.ceil(row.free_ms - aheadMs - row.at_ms)),
    };
  }

  async #serve(): Promise<void> {
    this.#isAsking = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      try {
        const { granted, atMs, waitMs } = await this.ask(next.urgent);
        if (!granted) await this.#pause(waitMs);
        else if (this.#waiting.delete(next)) next.resolve(atMs);
      } catch (error) {
        if (this.#waiting.delete(next)) next.reject(error);
      }
    }
    this.#isAsking = false;
  }

  /** Somebody urgent need not wait for what the one before was told. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = () => undefined;
  }

  #next(): Waiter | undefined {
    const waiting = [...this.#waiting];
    return waiting.find(({ urgent }) => urgent) ?? waiting[0];
  }
}
