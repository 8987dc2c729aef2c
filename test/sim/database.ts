import { keyturnError } from '../../src/core/errors.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { Chance } from './chance.js';
import type { Profile } from './profile.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

/** Ports that live in the state database. */
const inDatabase: ReadonlySet<string> = new Set(['journal', 'leases', 'standing', 'sealed']);

/** How long the database stays away. Milliseconds. */
const outagesMs = [500, 4_000, 12_000, 40_000] as const;

/** How often something may happen to the whole database. Milliseconds. */
const WEATHER_MS = 9_000;

/**
 * What may happen to a statement on its way to the state database and back: it never arrives, or it is carried out and
 * the answer is lost, so that the outcome of a commit is unknown; or nothing can be reached for a while.
 */
export class DatabaseFaults {
  readonly #time: VirtualTime;
  readonly #profile: Profile;
  readonly #trace: Trace;
  readonly #chance: Chance;
  #downUntilMs = 0;

  constructor(chance: Chance, parts: { readonly time: VirtualTime; readonly profile: Profile; readonly trace: Trace }) {
    this.#chance = chance.split('database');
    this.#time = parts.time;
    this.#profile = parts.profile;
    this.#trace = parts.trace;
    this.#weather();
  }

  get isDown(): boolean {
    return this.#time.nowMs < this.#downUntilMs;
  }

  /** Carries out a statement, or does not. *Errors* `STATE_UNAVAILABLE`. */
  through<Answer>(request: Pick<EngineRequest, 'port'>, statement: () => Answer): Answer {
    if (!inDatabase.has(request.port)) return statement();
    if (this.isDown || this.#profile.strikes('statement-lost', this.#chance, 0.004))
      throw keyturnError('STATE_UNAVAILABLE');
    const answer = statement();
    if (this.#profile.strikes('commit-unknown', this.#chance, 0.008)) throw keyturnError('STATE_UNAVAILABLE');
    return answer;
  }

  #weather(): void {
    this.#time.after(WEATHER_MS, () => {
      if (this.#time.nowMs >= this.#profile.faultsEndMs) {
        this.#downUntilMs = 0;
        return;
      }
      if (this.#profile.strikes('database-down', this.#chance, 0.12)) {
        this.#downUntilMs = this.#time.nowMs + this.#chance.pick(outagesMs);
        this.#trace.note(this.#time.nowMs, 'database down');
      }
      this.#weather();
    });
  }
}
