import type { HeldCredential } from './held-credential.js';
import type { LiveCredential } from './live-credential.js';

/** A connection that a pool lends: one of `pg` or of `mysql2`. */
export interface Lent {
  release(...given: never[]): void;
}

/** What has happened, for the application's metrics. */
export type PoolEvent =
  /** New connections are opened with this version. */
  | { readonly kind: 'opened'; readonly version: number }
  /** The last connection of this version was given back, and its pool has ended. */
  | { readonly kind: 'closed'; readonly version: number }
  /** A login with this version was refused, and a newer one was found. */
  | { readonly kind: 'retried'; readonly version: number };

/** What a live pool is made of. */
export interface LivePoolOptions<P> {
  readonly credential: LiveCredential;
  /** Makes a pool that logs in with this credential. Called once for each version. */
  readonly open: (held: HeldCredential) => P;
  readonly onEvent?: (event: PoolEvent) => void;
}

/** What differs between drivers. */
interface Driver<P, C extends Lent> {
  readonly lend: (pool: P) => Promise<C>;
  readonly end: (pool: P) => Promise<unknown>;
  /** True for an error that says: this login is refused. */
  readonly isRefused: (error: unknown) => boolean;
}

/** The pool of one version. It is ended when nobody waits for a connection of it or holds one. */
interface Generation<P> {
  readonly pool: P;
  readonly version: number;
  users: number;
  isRetired: boolean;
  /** Settles when it has ended. */
  readonly ended: Promise<void>;
  readonly tellEnded: () => void;
}

/**
 * Lends connections of the pool of the newest version. A change of the credential makes a pool of its own: who holds a
 * connection of the old one finishes, and the old pool is ended behind him.
 */
class LivePool<P, C extends Lent> {
  readonly #credential: LiveCredential;
  readonly #open: (held: HeldCredential) => P;
  readonly #onEvent: (event: PoolEvent) => void;
  readonly #driver: Driver<P, C>;
  readonly #stop: () => void;
  /** Those that have not ended. */
  readonly #generations = new Set<Generation<P>>();
  /** The newest that was told of: who has waited for an answer may hold an older one. */
  #latest: HeldCredential | undefined;
  #now: Generation<P> | undefined;
  #isEnded = false;

  constructor({ credential, open, onEvent = () => undefined }: LivePoolOptions<P>, driver: Driver<P, C>) {
    this.#credential = credential;
    this.#open = open;
    this.#onEvent = onEvent;
    this.#driver = driver;
    this.#stop = credential.onChange((held) => {
      this.#latest = held;
      if (this.#now !== undefined) this.#moveTo(held);
    });
  }

  /** A login that is refused is tried once more, where the store has another version by then. */
  async lend(): Promise<C> {
    const current = await this.#credential.current();
    const generation = this.#moveTo(this.#latest ?? current);
    try {
      return await this.#lendOf(generation);
    } catch (error) {
      if (!this.#driver.isRefused(error)) throw error;
      // Where the store cannot be asked, the refusal is what happened.
      const held = await this.#credential.refused(generation.version).catch(() => undefined);
      if (held === undefined || held.version === generation.version) throw error;
      this.#tell({ kind: 'retried', version: generation.version });
      return this.#lendOf(this.#moveTo(this.#latest ?? held));
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    this.#stop();
    if (this.#now !== undefined) this.#retire(this.#now);
    this.#now = undefined;
    await Promise.all([...this.#generations].map(({ ended }) => ended));
  }

  #moveTo(held: HeldCredential): Generation<P> {
    if (this.#isEnded) throw new Error('the pool has ended');
    const before = this.#now;
    if (before?.version === held.version) return before;
    const next = generationOf(this.#open(held), held.version);
    this.#generations.add(next);
    this.#now = next;
    if (before !== undefined) this.#retire(before);
    this.#tell({ kind: 'opened', version: held.version });
    return next;
  }

  async #lendOf(generation: Generation<P>): Promise<C> {
    generation.users += 1;
    try {
      const client = await this.#driver.lend(generation.pool);
      watchReturn(client, (giveBack) => this.#giveBack(generation, giveBack));
      return client;
    } catch (error) {
      this.#giveBack(generation, () => undefined);
      throw error;
    }
  }

  #giveBack(generation: Generation<P>, release: () => void): void {
    try {
      release();
    } finally {
      generation.users -= 1;
      if (generation.isRetired && generation.users === 0) this.#finish(generation);
    }
  }

  #retire(generation: Generation<P>): void {
    generation.isRetired = true;
    // `pg` never answers who still waits when a pool is ended, and `mysql2` ends what is in use.
    if (generation.users === 0) this.#finish(generation);
  }

  #finish(generation: Generation<P>): void {
    const { pool, version, tellEnded } = generation;
    void this.#driver
      .end(pool)
      .catch(() => undefined)
      .then(() => {
        this.#generations.delete(generation);
        tellEnded();
        this.#tell({ kind: 'closed', version });
      });
  }

  #tell(event: PoolEvent): void {
    try {
      this.#onEvent(event);
    } catch {
      // Of the application's metrics, and no reason to lend nothing.
    }
  }
}

/** The ways to give a connection back; `mysql2` knows a second one. */
const ways = ['release', 'destroy'] as const;

/** Has it told once when a connection is given back, whichever way; what it is told of is to be done by who is told. */
function watchReturn<C extends Lent>(client: C, returned: (giveBack: () => void) => void): void {
  let isReturned = false;
  const before = ways.flatMap((way) => {
    const method: unknown = Reflect.get(client, way);
    return typeof method === 'function' ? [{ way, method: method as (...given: unknown[]) => void }] : [];
  });
  for (const { way, method } of before) {
    const watched = (...given: unknown[]): void => {
      if (isReturned) return method.apply(client, given);
      isReturned = true;
      // The next borrower has watchers of his own.
      for (const each of before) Reflect.set(client, each.way, each.method);
      returned(() => method.apply(client, given));
    };
    Reflect.set(client, way, watched);
  }
}

function generationOf<P>(pool: P, version: number): Generation<P> {
  let tellEnded = (): void => {};
  const ended = new Promise<void>((resolve) => {
    tellEnded = resolve;
  });
  return { pool, version, users: 0, isRetired: false, ended, tellEnded };
}

/** The parts of a pool of `pg` that are used. */
interface PgPool<C> {
  connect(): Promise<C>;
  end(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** A connection of `pg`. */
interface PgClient extends Lent {
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  release(broken?: Error): void;
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>;
}

/** As a pool of `pg`, of which new connections always log in with the newest credential. */
export interface LivePgPool<C> {
  /** To be given back by its `release`, as one of `pg`'s pool. */
  connect(): Promise<C>;
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: R[]; readonly rowCount: number | null }>;
  /** Resolves when every connection was given back and is closed. */
  end(): Promise<void>;
}

/** Invalid password; and a role that may not log in. */
const pgRefusals: readonly unknown[] = ['28P01', '28000'];

/**
 * A pool of `pg` that follows a credential. Say whose connections it lends:
 *
 *     const pool = livePgPool<pg.PoolClient>({
 *       credential,
 *       open: (held) => new pg.Pool({ host, user: held.get('username'), password: held.get('password') }),
 *     });
 */
export function livePgPool<C extends PgClient>(options: LivePoolOptions<PgPool<C>>): LivePgPool<C> {
  const open = (held: HeldCredential): PgPool<C> => {
    const opened = options.open(held);
    // An idle connection that the server ends would end the process; the next query opens another.
    opened.on('error', () => undefined);
    return opened;
  };
  const pool = new LivePool<PgPool<C>, C>(
    { ...options, open },
    {
      lend: (each) => each.connect(),
      end: (each) => each.end(),
      isRefused: (error) => pgRefusals.includes(fieldOf(error, 'code')),
    },
  );
  return {
    connect: () => pool.lend(),
    query: async <R>(text: string, values: readonly unknown[] = []) => {
      const client = await pool.lend();
      let failure: Error | undefined;
      const hear = (error: Error): void => {
        failure = error;
      };
      // A connection that breaks tells of it twice: as the error of the query, and here.
      client.on('error', hear);
      try {
        const { rows, rowCount } = await client.query(text, [...values]);
        // The application says what its rows are, as with `pg`.
        return { rows: rows as R[], rowCount };
      } catch (error) {
        failure = error instanceof Error ? error : new Error('a query failed');
        throw error;
      } finally {
        client.off('error', hear);
        // As the pool of `pg` does it: a connection whose query failed is not lent again.
        client.release(failure);
      }
    },
    end: () => pool.end(),
  };
}

/** The parts of a promised pool of `mysql2` that are used. */
interface MysqlPool<C> {
  getConnection(): Promise<C>;
  end(): Promise<unknown>;
}

/** A pool of `mysql2/promise` that follows a credential; the rest as {@link livePgPool}. */
export interface LiveMysqlPool<C> {
  /** To be given back by its `release`. */
  getConnection(): Promise<C>;
  /** Resolves when every connection was given back and is closed. */
  end(): Promise<void>;
}

/** Access denied, with a password or without one; an account that is locked, at MySQL and at MariaDB. */
const mysqlRefusals: readonly unknown[] = [1045, 1698, 3118, 4151];

/** See {@link LiveMysqlPool}. */
export function liveMysqlPool<C extends Lent>(options: LivePoolOptions<MysqlPool<C>>): LiveMysqlPool<C> {
  const pool = new LivePool<MysqlPool<C>, C>(options, {
    lend: (each) => each.getConnection(),
    end: (each) => each.end(),
    isRefused: (error) => mysqlRefusals.includes(fieldOf(error, 'errno')),
  });
  return { getConnection: () => pool.lend(), end: () => pool.end() };
}

const fieldOf = (error: unknown, field: 'code' | 'errno'): unknown =>
  error instanceof Error ? Reflect.get(error, field) : undefined;
