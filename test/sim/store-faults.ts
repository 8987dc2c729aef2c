import { keyturnError } from '../../src/core/errors.js';
import type { Scope, StorePort, StoredVersion } from '../../src/ports/step-ports.js';
import type { Chance } from './chance.js';
import type { Effect, Ground } from './ground.js';
import type { FaultParts, Prompt } from './target-faults.js';

/** How long a stale read is behind at most. Milliseconds. */
const STALE_MS = 2_000;

/** The parameter store as executors reach it: it throttles, denies, answers from a moment ago, loses its answer. */
export class StoreFaults {
  readonly #groundOf: (scope: Scope) => Ground;
  readonly #parts: FaultParts;
  readonly #chance: Chance;
  /** Where `current` was before it last moved, by secret: what a stale read still sees. */
  readonly #before = new Map<string, { readonly was: StoredVersion | null; readonly untilMs: number }>();

  constructor(groundOf: (scope: Scope) => Ground, chance: Chance, parts: FaultParts) {
    this.#groundOf = groundOf;
    this.#chance = chance;
    this.#parts = parts;
  }

  /** The port. Every member answers at once, or throws. */
  readonly port: Prompt<StorePort> = {
    read: (scope, selector) => {
      this.#reach('read');
      const ground = this.#groundOf(scope);
      const read = this.#inner(ground).read(scope, selector);
      if (selector !== 'current') return read;
      const before = this.#before.get(scope.plan.secret);
      const isBehind = before !== undefined && this.#parts.time.nowMs < before.untilMs;
      // Drawn also where there is nothing older to see, so that the draws after it stay what they were.
      const seen = this.#strikes('stale-read', 0.3) && isBehind ? before.was : read;
      ground.noteRead(scope.fence.epoch, seen);
      return seen;
    },
    preflight: (scope, current) => {
      this.#reach('read');
      return this.#inner(this.#groundOf(scope)).preflight(scope, current);
    },
    putPending: (scope, value) => this.#change(scope, 'putPending', null, (inner) => inner.putPending(scope, value)),
    moveCurrent: (scope, move) => {
      const ground = this.#groundOf(scope);
      const was = ground.current();
      const moved = this.#change(scope, 'moveCurrent', move.to, (inner) => inner.moveCurrent(scope, move));
      if (ground.current()?.version !== was?.version)
        this.#before.set(scope.plan.secret, { was, untilMs: this.#parts.time.nowMs + STALE_MS });
      return moved;
    },
    retirePending: (scope, version) =>
      this.#change(scope, 'retirePending', null, (inner) => inner.retirePending(scope, version)),
  };

  /** It lives in a database that went back: no read sees what came after. */
  rewound(): void {
    this.#before.clear();
  }

  #change<Answer>(
    scope: Scope,
    method: Effect['method'],
    version: number | null,
    apply: (inner: Prompt<StorePort>) => Answer,
  ): Answer {
    this.#reach(method);
    const ground = this.#groundOf(scope);
    const late = !this.#parts.holds(scope.plan.secret, scope.fence.epoch);
    const taken = this.#parts.witness.about({ ground, method, scope, identity: null, version, late });
    const answer = apply(this.#inner(ground));
    taken();
    if (this.#strikes('store-answer-lost', 0.02)) throw keyturnError('STORE_UNAVAILABLE');
    return answer;
  }

  #reach(action: string): void {
    if (this.#strikes('store-throttles', 0.01)) throw keyturnError('STORE_UNAVAILABLE');
    if (this.#strikes('store-denies', 0.002)) throw keyturnError('STORE_DENIED', { action });
  }

  #strikes(kind: string, probability: number): boolean {
    return this.#parts.profile.strikes(kind, this.#chance, probability);
  }

  /** The memory store answers at once; its type allows promises as any adapter's does. */
  #inner(ground: Ground): Prompt<StorePort> {
    return ground.store.port as Prompt<StorePort>;
  }
}
