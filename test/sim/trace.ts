/** What happened in a run, as one number: two runs of a seed must end with the same. */
export class Trace {
  #high = 0x811c9dc5;
  #low = 0x01000193;
  #count = 0;
  readonly #lines: string[] | null;

  /** `keepsLines`: for a replay that a person reads. */
  constructor(keepsLines = false) {
    this.#lines = keepsLines ? [] : null;
  }

  /** Notes one thing that happened. Never a value. */
  note(atMs: number, what: string): void {
    this.#count += 1;
    let { high, low } = { high: this.#high ^ atMs, low: this.#low };
    for (let at = 0; at < what.length; at += 1) {
      const code = what.charCodeAt(at);
      high = Math.imul(high ^ code, 0x01000193);
      low = Math.imul(low + code, 0x85ebca6b) ^ (high >>> 15);
    }
    this.#high = high;
    this.#low = low;
    this.#lines?.push(`${String(atMs).padStart(8)} ${what}`);
  }

  /** 16 hexadecimal characters. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low);
  }

  /** How many things happened. */
  get count(): number {
    return this.#count;
  }

  /** Empty where lines are not kept. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
