import type { MemoryClock } from '../../src/adapters/memory/clock.js';

interface Due {
  readonly atMs: number;
  readonly seq: number;
  readonly happen: () => void;
}

/**
 * Time that moves only when the next thing happens. What is due at the same millisecond happens in the order in which
 * it was asked for, so that a run is a function of its seed.
 */
export class VirtualTime {
  readonly #heap: Due[] = [];
  readonly #clocks: readonly MemoryClock[];
  #nowMs = 0;
  #seq = 0;

  /** `clocks` go along with it; one that is moved by hand besides (a database that fails over) keeps its distance. */
  constructor(...clocks: readonly MemoryClock[]) {
    this.#clocks = clocks;
  }

  /** Milliseconds since the run began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next thing happens; undefined: nothing is due any more. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** Lets something happen in `ms`; 0: after what is due now. There is no taking back: what is outdated checks itself. */
  after(ms: number, happen: () => void): void {
    const due = { atMs: this.#nowMs + Math.max(0, ms), seq: (this.#seq += 1), happen };
    let at = this.#heap.length;
    this.#heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent] as Due;
      if (isBefore(above, due)) break;
      this.#heap[at] = above;
      at = parent;
    }
    this.#heap[at] = due;
  }

  /** Lets the next thing happen. *Returns* false where there is none. */
  step(): boolean {
    const next = this.#heap[0];
    if (next === undefined) return false;
    const last = this.#heap.pop() as Due;
    if (this.#heap.length > 0) this.#sink(last);
    const passedMs = next.atMs - this.#nowMs;
    if (passedMs > 0) {
      this.#nowMs = next.atMs;
      for (const clock of this.#clocks) clock.pass(passedMs);
    }
    next.happen();
    return true;
  }

  #sink(due: Due): void {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.#heap.length) break;
      const right = left + 1;
      const leftDue = this.#heap[left] as Due;
      const rightDue = this.#heap[right];
      const [child, least] =
        rightDue !== undefined && isBefore(rightDue, leftDue) ? [right, rightDue] : [left, leftDue];
      if (isBefore(due, least)) break;
      this.#heap[at] = least;
      at = child;
    }
    this.#heap[at] = due;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq);
}
