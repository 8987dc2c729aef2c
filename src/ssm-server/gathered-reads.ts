import type { Found, Parameters } from '../ports/parameters.js';

type Asked = Parameters['read'] extends (environment: string, asked: infer All) => unknown ? All : never;

/** What is read together next. */
interface Batch {
  readonly asked: Asked[number][];
  readonly found: Promise<readonly Found[]>;
}

/** One statement does not grow without bound. */
const mostAtOnce = 200;

/**
 * Reads for many callers in one statement: while one is under way the next ones gather. Each statement begins after every
 * read in it was asked for, so that what was put before is seen.
 */
export class GatheredReads {
  readonly #read: Parameters['read'];
  readonly #next = new Map<string, Batch>();
  readonly #current = new Map<string, Promise<unknown>>();

  constructor(parameters: Pick<Parameters, 'read'>) {
    this.#read = parameters.read;
  }

  /** As {@link Parameters.read}. What goes wrong goes wrong for every caller of the statement. */
  async read(environment: string, asked: Asked): Promise<readonly Found[]> {
    const waiting = this.#next.get(environment);
    const batch = waiting !== undefined && waiting.asked.length < mostAtOnce ? waiting : this.#begin(environment);
    const start = batch.asked.push(...asked) - asked.length;
    const found = await batch.found;
    return found.slice(start, start + asked.length);
  }

  #begin(environment: string): Batch {
    const asked: Asked[number][] = [];
    const before = this.#current.get(environment) ?? Promise.resolve();
    const found = before.then(() => {
      if (this.#next.get(environment) === batch) this.#next.delete(environment);
      return this.#read(environment, asked);
    });
    const batch = { asked, found };
    this.#next.set(environment, batch);
    const ended = found.then(ignore, ignore);
    this.#current.set(environment, ended);
    void ended.then(() => {
      if (this.#current.get(environment) === ended) this.#current.delete(environment);
    });
    return batch;
  }
}

function ignore(): void {
  // Who asked hears how it ended.
}
