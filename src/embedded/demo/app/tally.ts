import type { AppCounters } from './app-protocol.js';

/** Failures that are named in the report. */
const maxNamed = 10;

/** Counts what the sample application lives through. */
export class Tally {
  queries = 0;
  payments = 0;
  freshLogins = 0;
  moves = 0;
  challenges = 0;
  webhooks = 0;
  version: number | null = null;
  #failures = 0;
  readonly #failedWith: string[] = [];

  fail(doing: string, code: string): void {
    this.#failures += 1;
    if (this.#failedWith.length < maxNamed) this.#failedWith.push(`${doing}: ${code}`);
  }

  counters(): AppCounters {
    const { queries, payments, freshLogins, moves, challenges, webhooks, version } = this;
    return {
      queries,
      payments,
      freshLogins,
      failures: this.#failures,
      failedWith: [...this.#failedWith],
      moves,
      challenges,
      webhooks,
      version,
    };
  }
}
