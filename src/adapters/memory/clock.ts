/** A database clock that only goes when it is told to. Milliseconds since 1970. */
export class MemoryClock {
  #nowMs = Date.UTC(2026, 0, 1);

  nowMs(): number {
    return this.#nowMs;
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }
}
