import type { Connection, RotatorLog } from '../contract/rotator.js';
import { Scrubber } from '../core/scrub.js';
import { type Secret, isSecret } from '../core/secret.js';

/** One thing that a rotator has let out, and where: `the error of create`, `a log line`. */
export interface Shown {
  readonly where: string;
  readonly what: unknown;
}

/** Sees every call of a rotator in one case: what went in, what came out, and which values were among them. */
export class Witness {
  readonly #shown: Shown[] = [];
  readonly #values = new Set<Secret>();
  readonly #scrubber = new Scrubber();

  /** Everything that came out so far. */
  get shown(): readonly Shown[] {
    return this.#shown;
  }

  /** Every value that went in or came out so far. */
  get values(): readonly Secret[] {
    return [...this.#values];
  }

  /** A log for the rotator; its lines are kept. */
  readonly log: RotatorLog = {
    debug: (facts, message) => this.show('a log line', [facts, message]),
    warn: (facts, message) => this.show('a log line', [facts, message]),
  };

  /** Remembers the values in it. */
  learn(...things: readonly unknown[]): void {
    const values = [...secretsIn(things, new Set())];
    for (const value of values) this.#values.add(value);
    this.#scrubber.learn(values);
  }

  /** Keeps something that came out. */
  show(where: string, what: unknown): void {
    this.learn(what);
    this.#shown.push({ where, what });
  }

  /** A text that may quote what a rotator has let out, fit for a report. */
  scrub(text: string): string {
    return this.#scrubber.text(text);
  }

  /** The same connection, every call of which is seen. */
  watch(connection: Connection): Connection {
    this.#shown.push({ where: 'util.inspect of a connection', what: connection });
    return new Proxy(connection, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member, target);
        if (typeof value !== 'function' || typeof member !== 'string') return value;
        return async (...given: readonly unknown[]) =>
          this.#call(member, given, async (): Promise<unknown> => {
            const answer: unknown = Reflect.apply(value, target, given);
            return answer;
          });
      },
    });
  }

  async #call(member: string, given: readonly unknown[], call: () => Promise<unknown>): Promise<unknown> {
    this.learn(given);
    try {
      const answer = await call();
      this.show(`the answer of ${member}`, answer);
      return answer;
    } catch (error) {
      this.show(`the error of ${member}`, error);
      throw error;
    }
  }
}

function* secretsIn(thing: unknown, seen: Set<object>): Generator<Secret> {
  if (isSecret(thing)) {
    yield thing;
    return;
  }
  if (typeof thing !== 'object' || thing === null || thing instanceof Uint8Array || seen.has(thing)) return;
  // What is no plain data is a handle of the harness's: a server, a client.
  const prototype: unknown = Object.getPrototypeOf(thing);
  if (!Array.isArray(thing) && prototype !== Object.prototype && prototype !== null) return;
  seen.add(thing);
  for (const inner of Object.values(thing)) yield* secretsIn(inner, seen);
}
