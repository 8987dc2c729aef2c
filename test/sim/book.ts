import { type Status, fold, isOpen } from '../../src/core/rotation.js';
import type { Recorded } from '../../src/core/rotation-event.js';
import type { Append } from '../../src/ports/journal.js';
import type { SimulatedSecret } from './population.js';

/** One rotation, as anybody who reads the journal knows it. */
export interface Entry {
  readonly rotationId: string;
  readonly secret: SimulatedSecret;
  status: Status;
  /** Why it rolls back or is parked. */
  code: string | null;
  /** The point of no return: `destroy` has been decided. */
  isPastReturn: boolean;
  /** When its status last changed. Milliseconds since the run began. */
  sinceMs: number;
  /** How often it has been parked. */
  parked: number;
}

/** Where every rotation stands, read from the commits as they are carried out rather than by folding journals. */
export class Book {
  readonly #entries = new Map<string, Entry>();

  open(rotationId: string, secret: SimulatedSecret, atMs: number): void {
    if (this.#entries.has(rotationId)) return;
    const entry: Entry = {
      rotationId,
      secret,
      status: 'running',
      code: null,
      isPastReturn: false,
      sinceMs: atMs,
      parked: 0,
    };
    this.#entries.set(rotationId, entry);
  }

  /** A commit that was carried out. */
  committed({ rotationId, derived, events }: Append, atMs: number): void {
    const entry = this.#entries.get(rotationId);
    if (entry === undefined) return;
    if (entry.status !== derived.status) entry.sinceMs = atMs;
    if (events.some((each) => each.kind === 'Parked')) entry.parked += 1;
    entry.isPastReturn ||= events.some((each) => each.kind === 'DestroyDecided');
    entry.status = derived.status;
    entry.code = derived.code;
  }

  entry(rotationId: string): Entry | undefined {
    return this.#entries.get(rotationId);
  }

  /** The database has forgotten. `journal`: null where it knows no such rotation. *Returns* whose rotations are gone. */
  rewind(journal: (rotationId: string) => readonly Recorded[] | null): readonly SimulatedSecret[] {
    const gone: SimulatedSecret[] = [];
    for (const entry of this.all) {
      const events = journal(entry.rotationId);
      if (events === null) {
        this.#entries.delete(entry.rotationId);
        gone.push(entry.secret);
        continue;
      }
      const { status, because, decision } = fold(events);
      entry.status = status;
      entry.code = because?.code ?? null;
      entry.isPastReturn = decision === 'destroy';
    }
    return gone;
  }

  get all(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  get unfinished(): readonly Entry[] {
    return this.all.filter((each) => isOpen(each.status));
  }
}
