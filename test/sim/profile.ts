import type { Chance } from './chance.js';

/** How a run is narrowed while a failure is shrunk. */
export interface Narrowing {
  /** The only kinds of fault that may strike; undefined: all. */
  readonly only?: ReadonlySet<string>;
  /** Kinds that never strike; undefined: none. */
  readonly without?: ReadonlySet<string>;
  /** No fault strikes after this. Milliseconds since the run began; undefined: as the seed draws it. */
  readonly horizonMs?: number;
}

/** How hard a kind strikes. Half of all kinds are quiet in a seed, so that the others are seen by themselves. */
const intensities = [0, 0, 0, 0, 0.2, 0.5, 1, 3] as const;

/** Seeds in which nothing strikes, and seeds in which everything does: one of this many each. */
const EXTREMES = 16;

/** Faults stop at the latest then. Milliseconds since the run began. */
const LAST_FAULT_MS = 180_000;

/**
 * Which kinds of fault strike in one seed, how hard, and until when: some seeds are quiet, some hellish. A kind is a
 * name; whoever models a fault names it and asks {@link strikes} at each place where it could happen.
 */
export class Profile {
  /** From then on the world is well and everything must come to rest. Milliseconds since the run began. */
  readonly faultsEndMs: number;
  readonly #chance: Chance;
  readonly #nowMs: () => number;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #without: ReadonlySet<string> | undefined;
  readonly #temper: 'quiet' | 'hellish' | 'mixed';
  readonly #intensities = new Map<string, number>();
  readonly #struck = new Map<string, number>();

  constructor(chance: Chance, nowMs: () => number, narrowing: Narrowing = {}) {
    this.#chance = chance.split('profile');
    this.#nowMs = nowMs;
    this.#only = narrowing.only;
    this.#without = narrowing.without;
    const extreme = this.#chance.below(EXTREMES);
    this.#temper = extreme === 0 ? 'quiet' : extreme === 1 ? 'hellish' : 'mixed';
    const drawn = this.#chance.between(5_000, LAST_FAULT_MS);
    this.faultsEndMs = Math.min(drawn, narrowing.horizonMs ?? drawn);
  }

  /** How hard this kind strikes in this seed: 0 never, 1 as often as its model says, 3 that much more. */
  intensity(kind: string): number {
    const known = this.#intensities.get(kind);
    if (known !== undefined) return known;
    const drawn = this.#chance.split(kind).pick(intensities);
    const allowed = (this.#only === undefined || this.#only.has(kind)) && this.#without?.has(kind) !== true;
    const intensity =
      !allowed || this.#temper === 'quiet' ? 0 : this.#temper === 'hellish' ? Math.max(1, drawn) : drawn;
    this.#intensities.set(kind, intensity);
    return intensity;
  }

  /** True until faults stop, for kinds that strike at all: who asks behaves otherwise, so it counts as having struck. */
  mayStrike(kind: string): boolean {
    const may = this.#nowMs() < this.faultsEndMs && this.intensity(kind) > 0;
    if (may && !this.#struck.has(kind)) this.#struck.set(kind, 1);
    return may;
  }

  /**
   * Does it strike here? `probability` at intensity 1. Draws from the actor's own chance once, whether it may strike or
   * not, so that a kind that is dropped leaves the actor's other draws as they were.
   */
  strikes(kind: string, chance: Chance, probability: number): boolean {
    const isDrawn = chance.happens(Math.min(0.9, probability * this.intensity(kind)));
    if (!isDrawn || this.#nowMs() >= this.faultsEndMs) return false;
    this.#struck.set(kind, (this.#struck.get(kind) ?? 0) + 1);
    return true;
  }

  /** The kinds that could strike so far, whether or not they did: what shrinking tries to do without. */
  get active(): readonly string[] {
    return [...this.#intensities].filter(([, intensity]) => intensity > 0).map(([kind]) => kind);
  }

  /** Which kinds have struck so far, and how often. */
  get struck(): ReadonlyMap<string, number> {
    return this.#struck;
  }
}
