import type { PlannedCheck } from '../../src/core/plan.js';
import type { CheckSight } from '../../src/core/soak-check.js';
import type { Scope } from '../../src/ports/step-ports.js';
import type { Chance } from './chance.js';
import type { Profile } from './profile.js';

/** What the checks of one secret say while its canary soaks: good, unless a fault strikes. */
export class SimulatedChecks {
  readonly #chance: Chance;
  readonly #profile: Profile;
  /** Whether the last look of an executor has found every check good, by rotation and epoch. */
  readonly #looks = new Map<string, boolean>();

  constructor(chance: Chance, profile: Profile) {
    this.#chance = chance;
    this.#profile = profile;
  }

  look({ plan, fence }: Scope): readonly CheckSight[] {
    const sights = (plan.checks ?? []).map((check) => this.#see(check));
    const areGood = sights.every((each) => each.kind === 'status' && each.status === GOOD);
    this.#looks.set(`${plan.rotationId} ${fence.epoch}`, areGood);
    return sights;
  }

  /** True where the last look of this executor has found every check good. */
  hasPassed(rotationId: string, epoch: number): boolean {
    return this.#looks.get(`${rotationId} ${epoch}`) === true;
  }

  #see({ name }: PlannedCheck): CheckSight {
    if (this.#profile.strikes('check-silent', this.#chance, 0.15))
      return { check: name, kind: 'nothing', reason: 'no answer' };
    const isBad = this.#profile.strikes('check-bad', this.#chance, 0.15);
    return { check: name, kind: 'status', status: isBad ? 503 : GOOD };
  }
}

const GOOD = 200;

/** Draws what is asked while a canary soaks. Most secrets have nothing. */
export function drawChecks(chance: Chance): readonly PlannedCheck[] {
  return ['errors', 'health'].slice(0, chance.pick([0, 0, 1, 2])).map((name) => ({
    name,
    kind: 'http',
    url: `https://${name}.invalid/`,
    expectStatus: GOOD,
    failAfter: chance.pick([1, 2, 3]),
  }));
}
