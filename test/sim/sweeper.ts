import type { MemoryState } from '../../src/adapters/memory/state.js';
import { isKeyturnError } from '../../src/core/errors.js';
import type { DatabaseFaults } from './database.js';
import type { Executor } from './executor.js';
import type { Queue } from './queue.js';
import type { VirtualTime } from './virtual-time.js';

/** As `Sweep` in production: how often it looks, how much it takes, and how many rings may go unanswered. */
const EVERY_MS = 5_000;
const BATCH = 20;
const UNANSWERED_RINGS = 5;

/**
 * The sweep of one executor: rings for what is due and what nobody works on, by the same query as production, and does
 * by itself what the queue does not take or never hands out.
 */
export class Sweeper {
  readonly #executor: Executor;
  readonly #time: VirtualTime;
  readonly #state: MemoryState;
  readonly #database: DatabaseFaults;
  readonly #queue: Queue;
  readonly #unanswered = new Map<string, number>();

  constructor(
    executor: Executor,
    firstMs: number,
    parts: {
      readonly time: VirtualTime;
      readonly state: MemoryState;
      readonly database: DatabaseFaults;
      readonly queue: Queue;
    },
  ) {
    this.#executor = executor;
    this.#time = parts.time;
    this.#state = parts.state;
    this.#database = parts.database;
    this.#queue = parts.queue;
    this.#later(firstMs);
  }

  #later(ms: number): void {
    this.#time.after(ms, () => {
      if (!this.#executor.isAlive) this.#unanswered.clear();
      else if (this.#executor.pausedForMs() === 0 && !this.#executor.stopping()) this.#sweep();
      this.#later(EVERY_MS);
    });
  }

  #sweep(): void {
    const found = this.#found();
    const seen = new Set(found);
    for (const rotationId of this.#unanswered.keys()) if (!seen.has(rotationId)) this.#unanswered.delete(rotationId);
    for (const rotationId of found) {
      const rings = (this.#unanswered.get(rotationId) ?? 0) + 1;
      this.#unanswered.set(rotationId, rings);
      const rung = rings < UNANSWERED_RINGS && this.#queue.ring(rotationId, 0);
      if (!rung) this.#executor.take(rotationId);
    }
  }

  #found(): readonly string[] {
    try {
      const rows = this.#database.through({ port: 'journal' }, () => this.#state.unattended(BATCH, EVERY_MS));
      return rows.map(({ rotationId }) => rotationId);
    } catch (thrown) {
      if (!isKeyturnError(thrown)) throw thrown;
      return [];
    }
  }
}
