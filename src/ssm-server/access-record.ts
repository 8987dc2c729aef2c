import type { Access, StoreAccess } from '../ports/parameters.js';

/**
 * Writes accesses down, many in one statement: while one is under way the next ones gather. An answer leaves only after
 * what it tells of is written.
 */
export class AccessRecord {
  readonly #access: StoreAccess;
  #gathering: Access[] = [];
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();

  constructor(access: StoreAccess) {
    this.#access = access;
  }

  /** Resolves once they are written down for good. *Errors* `STORE_UNAVAILABLE`. */
  note(accesses: readonly Access[]): Promise<void> {
    if (accesses.length === 0) return Promise.resolve();
    this.#gathering.push(...accesses);
    this.#next ??= this.#after(this.#current);
    return this.#next;
  }

  async #after(current: Promise<void>): Promise<void> {
    // How the last one ended is told to those who waited for it.
    await current.catch(() => {});
    const gathered = this.#gathering;
    this.#gathering = [];
    this.#current = this.#next ?? Promise.resolve();
    this.#next = undefined;
    await this.#access.note(gathered);
  }
}
