import { type ErrorCode, isKeyturnError, keyturnError } from '../../src/core/errors.js';
import type { EndpointAnswer } from '../../src/core/observation.js';
import { Secret } from '../../src/core/secret.js';
import type { Scope, TargetPort } from '../../src/ports/step-ports.js';
import type { Chance } from './chance.js';
import type { Effect, Ground, Witness } from './ground.js';
import type { Profile } from './profile.js';
import type { VirtualTime } from './virtual-time.js';

/** A port whose every member answers at once, told for whom. */
export type Prompt<Port> = {
  readonly [Member in keyof Port]: Port[Member] extends (...args: infer Args) => infer Answer
    ? (scope: Scope, ...args: Args) => Answer
    : never;
};

/** What the layers of faults share. */
export interface FaultParts {
  readonly time: VirtualTime;
  readonly profile: Profile;
  readonly witness: Witness;
  /** True while this epoch holds the lease of this secret. */
  readonly holds: (secret: string, epoch: number) => boolean;
}

/** How long a target, or one endpoint of it, stays away or behind. Milliseconds. */
const spellsMs = [2_000, 9_000, 30_000] as const;

/** Values that no generator makes: what a rotator reads from a redacted view, or from nowhere. */
const fakes = ['', 'short', '[redacted]-0000000000000000', 'xxxxxxxxxxxxxxxxxxxxxxxx'];

/** Errors after which a change has happened all the same. */
const changing: readonly ErrorCode[] = ['TARGET_UNREACHABLE'];

/** One target as executors reach it: it refuses connections, takes a change and answers with an error, lags, lies. */
export class TargetFaults {
  readonly #ground: Ground;
  readonly #parts: FaultParts;
  readonly #chance: Chance;
  #downUntilMs = 0;
  #blindUntilMs = 0;

  constructor(ground: Ground, chance: Chance, parts: FaultParts) {
    this.#ground = ground;
    this.#chance = chance;
    this.#parts = parts;
  }

  /** The port. Every member answers at once, or throws. */
  readonly port: Prompt<TargetPort> = {
    preflight: (scope) => {
      this.#reach(scope);
      return [];
    },
    identify: (scope) => {
      this.#reach(scope);
      return { system: this.#ground.system };
    },
    propose: (scope, current) => {
      const proposal = this.#inner().propose(scope, current);
      if (proposal.value === undefined || !this.#strikes('fake-value', 0.02)) return proposal;
      return { ...proposal, value: Secret.fromText(this.#chance.pick(fakes)) };
    },
    create: (scope, proposal) => this.#create(scope, proposal),
    probe: (_, credential) => this.#seen(this.#ground.target.tryOut(credential)),
    verify: (_, credential) => this.#seen(this.#ground.target.answers(credential)),
    usage: (scope, identity) => {
      this.#reach(scope);
      if (this.#strikes('usage-unknown', 0.05)) return { kind: 'unknown', reason: 'the view did not answer' };
      this.#ground.openings.seen(identity, scope.fence.epoch, this.#ground.target.sessionsOf(identity));
      return this.#inner().usage(scope, identity);
    },
    refusedLogins: (scope, identity, mark) => {
      this.#reach(scope);
      if (this.#strikes('refused-logins-unknown', 0.05)) return { kind: 'unknown', reason: 'the log did not answer' };
      const heard = this.#ground.target.refusedLogins(identity, mark);
      for (const from of heard.from) this.#ground.told(identity, from);
      return heard;
    },
    raise: (scope) => {
      this.#reach(scope);
      this.#inner().raise(scope);
      if (this.#strikes('error-after-applying', 0.02)) throw this.#unreachable(scope);
    },
    disable: (scope, identity) =>
      this.#change(scope, 'disable', identity, () => this.#inner().disable(scope, identity)),
    enable: (scope, identity) => this.#change(scope, 'enable', identity, () => this.#inner().enable(scope, identity)),
    destroy: (scope, identity, provenance) =>
      this.#change(scope, 'destroy', identity, () => this.#inner().destroy(scope, identity, provenance)),
    list: (scope) => {
      this.#reach(scope);
      return this.#inner().list(scope);
    },
  };

  /** Nobody can reach it for a while. */
  goDown(): void {
    this.#downUntilMs = this.#parts.time.nowMs + this.#chance.pick(spellsMs);
  }

  /** Logins are not answered for a while; changes are. */
  goBlind(): void {
    this.#blindUntilMs = this.#parts.time.nowMs + this.#chance.pick(spellsMs);
  }

  /** One endpoint answers from what it knows now for a while. */
  fallBehind(): void {
    const { target, secret } = this.#ground;
    const endpoint = this.#chance.pick(secret.endpoints);
    target.fallBehind(endpoint);
    this.#ground.brokenMs = this.#ground.clock.nowMs();
    this.#parts.time.after(this.#chance.pick(spellsMs), () => {
      target.catchUp(endpoint);
      // It may refuse from now on what it accepted a moment ago.
      this.#ground.brokenMs = this.#ground.clock.nowMs();
      this.#ground.changed = true;
    });
  }

  #create(scope: Scope, proposal: Parameters<TargetPort['create']>[0]): ReturnType<TargetPort['create']> {
    const { target, secret } = this.#ground;
    if (this.#strikes('value-rejected', 0.02)) throw keyturnError('VALUE_REJECTED', { target: secret.target });
    if (this.#strikes('half-applied', 0.04) && secret.endpoints.length > 1) {
      target.cut.add(this.#chance.pick(secret.endpoints));
      this.#parts.time.after(this.#chance.pick(spellsMs), () => target.cut.clear());
    }
    const { overlap, origin } = secret.capabilities;
    // A provider's key has no name before it is made; nothing that lives carries it yet.
    const identity = overlap === 'one-live' || origin === 'ours' ? proposal.identity : `${proposal.identity}-new`;
    const made = this.#change(scope, 'create', identity, () => this.#inner().create(scope, proposal));
    if (made.value === undefined || !this.#strikes('fake-value', 0.02)) return made;
    return { ...made, value: Secret.fromText(this.#chance.pick(fakes)) };
  }

  #change<Answer>(scope: Scope, method: Effect['method'], identity: string, apply: () => Answer): Answer {
    this.#reach(scope);
    const { capabilities } = this.#ground.secret;
    const holds = this.#parts.holds(scope.plan.secret, scope.fence.epoch);
    // Where nothing fences, a request dies of age: that is what `settleMs` promises.
    if (!capabilities.fence && !holds && this.#ground.clock.nowMs() >= scope.nowMs + capabilities.settleMs)
      throw this.#unreachable(scope);
    const taken = this.#parts.witness.about({
      ground: this.#ground,
      method,
      scope,
      identity,
      version: null,
      late: !holds,
    });
    try {
      const answer = apply();
      taken();
      if (this.#strikes('error-after-applying', 0.02)) throw this.#unreachable(scope);
      return answer;
    } catch (thrown) {
      if (isKeyturnError(thrown) && changing.includes(thrown.code)) taken();
      throw thrown;
    }
  }

  /** Before anything is sent: is it there, and does it let us in? */
  #reach(scope: Scope): void {
    const { target } = this.#ground.secret;
    if (this.#parts.time.nowMs < this.#downUntilMs) throw this.#unreachable(scope);
    if (this.#strikes('connection-refused', 0.01))
      throw keyturnError('TARGET_UNREACHABLE', { target, endpoint: 'one', outcome: 'none' });
    if (this.#strikes('target-throttles', 0.01)) throw keyturnError('TARGET_THROTTLED', { target, outcome: 'none' });
    if (this.#strikes('admin-refused', 0.002)) throw keyturnError('ADMIN_REFUSED', { target });
  }

  /** A login that the network swallows is unknown at that endpoint; it is never a refusal. */
  #seen(answers: readonly EndpointAnswer[]): readonly EndpointAnswer[] {
    const { nowMs } = this.#parts.time;
    const isDark = nowMs < this.#downUntilMs || nowMs < this.#blindUntilMs;
    const one = this.#strikes('login-unanswered', 0.02) ? this.#chance.pick(this.#ground.secret.endpoints) : null;
    if (!isDark && one === null) return answers;
    return answers.map((each) =>
      isDark || each.endpoint === one ? { endpoint: each.endpoint, answer: 'unknown' } : each,
    );
  }

  #strikes(kind: string, probability: number): boolean {
    return this.#parts.profile.strikes(kind, this.#chance, probability);
  }

  #unreachable(scope: Scope): Error {
    return keyturnError('TARGET_UNREACHABLE', { target: scope.plan.target, endpoint: 'one' });
  }

  /** The memory target answers at once; its type allows promises as any adapter's does. */
  #inner(): Prompt<TargetPort> {
    return this.#ground.target.port as Prompt<TargetPort>;
  }
}
