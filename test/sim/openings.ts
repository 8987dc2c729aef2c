/** Openings of sessions that executors have seen, by identity. One counts once the look that saw it was written down. */
export class Openings {
  readonly #written = new Map<string, number[]>();
  readonly #unwritten = new Map<number, { readonly identity: string; readonly openedMs: number }>();

  /** An executor has seen sessions that were opened at these times. Milliseconds since 1970. */
  seen(identity: string, epoch: number, sessionsMs: readonly number[]): void {
    const openedMs = Math.max(...sessionsMs);
    if (Number.isFinite(openedMs)) this.#unwritten.set(epoch, { identity, openedMs });
  }

  /** Its look ended. What is lost with a look nobody knows. */
  lookEnded(epoch: number, isWritten: boolean): void {
    const seen = this.#unwritten.get(epoch);
    this.#unwritten.delete(epoch);
    if (seen === undefined || !isWritten) return;
    this.#written.set(seen.identity, [...(this.#written.get(seen.identity) ?? []), seen.openedMs]);
  }

  /** The newest up to a time; null: none. Milliseconds since 1970. */
  last(identity: string, untilMs: number): number | null {
    return this.#written.get(identity)?.findLast((each) => each <= untilMs) ?? null;
  }
}
