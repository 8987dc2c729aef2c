import type { ConsumerCounters, Failure } from './consumer-protocol.js';

/** Failures that are kept whole. */
const maxKept = 20;

/** Counts what a consumer lives through. */
export class ConsumerCounts {
  queries = 0;
  freshLogins = 0;
  refreshes = 0;
  moves = 0;
  challenges = 0;
  webhooks = 0;
  #failures = 0;
  readonly #first: Failure[] = [];

  fail(failure: Omit<Failure, 'atMs'>): void {
    this.#failures += 1;
    if (this.#first.length < maxKept) this.#first.push({ atMs: Date.now(), ...failure });
  }

  counters(holding: number): ConsumerCounters {
    const { queries, freshLogins, refreshes, moves, challenges, webhooks } = this;
    const failures = { failures: this.#failures, firstFailures: [...this.#first] };
    return { queries, freshLogins, ...failures, refreshes, moves, challenges, webhooks, holding };
  }
}
