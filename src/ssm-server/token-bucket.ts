/**
 * What one principal asks, with all of its keys: at most as many in every second as the key that is used allows, and as many
 * at once after a quiet one. On a monotonic clock in milliseconds.
 */
export class TokenBucket {
  #spent = 0;
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** `perSecond`: of the key. *Returns* false where nothing is left. */
  take(nowMs: number, perSecond: number): boolean {
    const gained = ((nowMs - this.#atMs) / 1_000) * perSecond;
    this.#spent = Math.max(0, this.#spent - gained);
    this.#atMs = nowMs;
    if (this.#spent + 1 > perSecond) return false;
    this.#spent += 1;
    return true;
  }
}
