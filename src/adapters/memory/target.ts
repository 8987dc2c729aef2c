import type { Capabilities } from '../../core/capabilities.js';
import type { Credential, Proposal } from '../../core/credential.js';
import { keyturnError } from '../../core/errors.js';
import { type FenceToken, judgeFence } from '../../core/fence.js';
import type { EndpointAnswer, RefusedLogins } from '../../core/observation.js';
import { Secret, sameSecret } from '../../core/secret.js';
import type { Bound, Scope, TargetPort } from '../../ports/step-ports.js';
import type { MemoryClock } from './clock.js';

/** What the target knows of one identity. */
interface Account {
  value: Secret | null;
  login: boolean;
  /** The rotation that created what is there now. */
  tag: string | null;
  dead: boolean;
  /** Endpoints on which the present value has arrived. */
  readonly applied: Set<string>;
  /** When each open session was opened. Milliseconds since 1970. */
  sessions: number[];
}

/** What kind of target it is. */
export interface MemoryTargetOptions {
  readonly capabilities: Capabilities;
  readonly endpoints: readonly string[];
  readonly clock: MemoryClock;
}

/** Where Keyturn itself logs in from. */
export const ownAddress = '192.0.2.1';

/**
 * A target in memory that behaves as the promises of `keyturn/rotator` say: two accounts that take turns where it can
 * fence, an account per rotation where it cannot, one account where only one can live.
 */
export class MemoryTarget {
  readonly #accounts = new Map<string, Account>();
  readonly #options: MemoryTargetOptions;
  readonly #made = new Map<string, number>();
  readonly #refused: { readonly identity: string; readonly from: string }[] = [];
  #token: FenceToken | null = null;
  /** Endpoints that have fallen behind, with the accounts as they knew them then. */
  readonly #behind = new Map<string, ReadonlyMap<string, Account>>();
  /** Endpoints that a change does not reach; for tests of half-applied changes. */
  readonly cut = new Set<string>();

  constructor(options: MemoryTargetOptions) {
    this.#options = options;
  }

  /** The port. Every member answers at once. */
  readonly port: Bound<TargetPort> = {
    preflight: () => [],
    identify: () => ({ system: 'memory' }),
    propose: (scope, current) => this.#propose(scope, current?.identity ?? null),
    create: (scope, proposal) => this.#create(scope, proposal),
    probe: (_, credential) => this.tryOut(credential),
    verify: (_, credential) => this.answers(credential),
    usage: (_, identity) => {
      const ages = (this.#accounts.get(identity)?.sessions ?? []).map(
        (openedMs) => this.#options.clock.nowMs() - openedMs,
      );
      if (!this.#options.capabilities.usage) return { kind: 'unknown', reason: 'this target cannot tell' };
      const some = ages.length > 0;
      return {
        kind: 'known',
        sessions: ages.length,
        youngestAgeMs: some ? Math.min(...ages) : null,
        oldestAgeMs: some ? Math.max(...ages) : null,
      };
    },
    refusedLogins: (_, identity, mark) => this.refusedLogins(identity, mark),
    raise: (scope) => this.#fenced(scope),
    disable: (scope, identity) => {
      this.#fenced(scope);
      const account = this.#accounts.get(identity);
      if (account === undefined) return { endedSessions: 0 };
      const endedSessions = account.sessions.length;
      account.login = false;
      account.sessions = [];
      return { endedSessions };
    },
    enable: (scope, identity) => {
      this.#fenced(scope);
      const account = this.#accounts.get(identity);
      if (account !== undefined && !account.dead) account.login = true;
    },
    destroy: (scope, identity, { createdBy }) => this.#destroy(scope, identity, createdBy),
    list: () =>
      [...this.#accounts].flatMap(([identity, { tag, dead }]) =>
        tag === null ? [] : [{ identity, rotationId: tag, live: !dead }],
      ),
  };

  /** What every endpoint answers to a fresh login. */
  answers(credential: Credential): readonly EndpointAnswer[] {
    return this.#options.endpoints.map((endpoint) => {
      const account = (this.#behind.get(endpoint) ?? this.#accounts).get(credential.identity);
      return { endpoint, answer: this.#answer(account, credential, endpoint) };
    });
  }

  /** The same by Keyturn itself, who is refused like anybody. */
  tryOut(credential: Credential): readonly EndpointAnswer[] {
    const answers = this.answers(credential);
    if (answers.some(({ answer }) => answer === 'refused')) this.refuse(credential.identity, ownAddress);
    return answers;
  }

  /** A login from this address was refused. */
  refuse(identity: string, from: string): void {
    this.#refused.push({ identity, from });
  }

  /** See `refusedLogins` of the contract. */
  refusedLogins(identity: string, mark: string | null): Extract<RefusedLogins, { kind: 'known' }> {
    const since = mark === null ? [] : this.#refused.slice(Number(mark)).filter((each) => each.identity === identity);
    return { kind: 'known', mark: `${this.#refused.length}`, from: [...new Set(since.map(({ from }) => from))] };
  }

  /** True where every endpoint accepts it. */
  accepts(credential: Credential): boolean {
    return this.answers(credential).every((each) => each.answer === 'accepted');
  }

  /** An account that somebody made by hand: it logs in and carries no tag. */
  adopt({ identity, value }: Credential): void {
    const applied = new Set(this.#options.endpoints);
    this.#accounts.set(identity, { value, login: true, tag: null, dead: false, applied, sessions: [] });
  }

  /** Identities that can log in now. */
  live(): readonly string[] {
    return [...this.#accounts]
      .filter(([, account]) => account.login && account.value !== null)
      .map(([identity]) => identity);
  }

  /** Every account as it is, for whoever judges; whether it logs in, and what it carries. */
  accounts(): readonly ({ readonly identity: string } & Pick<Account, 'value' | 'login' | 'tag' | 'dead'>)[] {
    return [...this.#accounts].map(([identity, { value, login, tag, dead }]) => ({
      identity,
      value,
      login,
      tag,
      dead,
    }));
  }

  /** The fence token that is stored here; null: none. */
  get token(): FenceToken | null {
    return this.#token;
  }

  /** Identities that are switched off and could be switched on again. */
  switchedOff(): readonly string[] {
    return [...this.#accounts].filter(([, account]) => !account.login && !account.dead).map(([identity]) => identity);
  }

  /** How often a value was made live for a rotation. */
  madeFor(rotationId: string): number {
    return this.#made.get(rotationId) ?? 0;
  }

  /** Loses its fence token, as a target does that is restored from before the first. */
  loseToken(): void {
    this.#token = null;
  }

  /** Opens a session, as a consumer would. */
  openSession(identity: string): void {
    this.#accounts.get(identity)?.sessions.push(this.#options.clock.nowMs());
  }

  /** Ends all sessions of an identity, as a consumer would that moves on. */
  endSessions(identity: string): void {
    const account = this.#accounts.get(identity);
    if (account !== undefined) account.sessions = [];
  }

  /** When each session that is open now was opened. Milliseconds since 1970. */
  sessionsOf(identity: string): readonly number[] {
    return this.#accounts.get(identity)?.sessions ?? [];
  }

  /** Ends one session of an identity, by when it was opened. *Repeat*: harmless. */
  closeSession(identity: string, openedMs: number): void {
    const account = this.#accounts.get(identity);
    const at = account?.sessions.indexOf(openedMs) ?? -1;
    if (at >= 0) account?.sessions.splice(at, 1);
  }

  /** The identity's account is as a person makes it, who asks no fence. Null: there is none any more. */
  changeByHand(
    identity: string,
    change: { readonly value?: Secret; readonly login?: boolean; readonly dead?: boolean } | null,
  ): void {
    const account = this.#accounts.get(identity);
    if (account === undefined) return;
    if (change === null) this.#accounts.delete(identity);
    else this.#accounts.set(identity, { ...account, ...change });
  }

  /** Keeps what an identity's account is now. *Returns* what makes it so again. */
  remember(identity: string): () => void {
    const account = this.#accounts.get(identity);
    return () => {
      if (account === undefined) this.#accounts.delete(identity);
      else this.#accounts.set(identity, { ...account, sessions: [] });
    };
  }

  /** An endpoint answers from what it knows now until it has caught up. *Repeat*: it keeps what it knew first. */
  fallBehind(endpoint: string): void {
    if (!this.#behind.has(endpoint)) this.#behind.set(endpoint, this.#copied());
  }

  catchUp(endpoint: string): void {
    this.#behind.delete(endpoint);
  }

  /** Takes a backup. *Returns* what restores it, as often as it is called: accounts and fence token, without sessions. */
  backUp(): () => void {
    const accounts = this.#copied();
    const token = this.#token;
    return () => {
      this.#accounts.clear();
      for (const [identity, account] of accounts) this.#accounts.set(identity, { ...account, sessions: [] });
      this.#token = token;
    };
  }

  #copied(): ReadonlyMap<string, Account> {
    return new Map([...this.#accounts].map(([identity, account]) => [identity, { ...account }]));
  }

  #propose({ plan }: Scope, current: string | null): Proposal {
    const { overlap, fence, origin } = this.#options.capabilities;
    const turn = current === `${plan.principal}_a` ? `${plan.principal}_b` : `${plan.principal}_a`;
    const identity = overlap === 'one-live' ? plan.principal : fence ? turn : `${plan.principal}-${plan.rotationId}`;
    return origin === 'ours' ? { identity, value: madeValue(plan.rotationId) } : { identity };
  }

  #create(scope: Scope, proposal: Proposal): { readonly identity: string; readonly value?: Secret } {
    this.#fenced(scope);
    const { plan } = scope;
    const provider = this.#options.capabilities.origin === 'provider';
    this.#made.set(plan.rotationId, this.madeFor(plan.rotationId) + 1);
    const identity = provider ? `${proposal.identity}-${this.madeFor(plan.rotationId)}` : proposal.identity;
    const value = provider ? madeValue(`${plan.rotationId}/${this.madeFor(plan.rotationId)}`) : proposal.value;
    if (value === undefined) throw keyturnError('VALUE_REJECTED', { target: plan.target });
    const before = this.#accounts.get(identity);
    if (before !== undefined && !this.#mayTake(before, plan.rotationId)) {
      throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, target: plan.target, cure: 'none' });
    }
    const reached = this.#options.endpoints.filter((endpoint) => !this.cut.has(endpoint));
    const kept =
      before !== undefined && before.value !== null && sameSecret(before.value, value)
        ? before.applied
        : new Set<string>();
    this.#accounts.set(identity, {
      value,
      login: true,
      tag: plan.rotationId,
      dead: false,
      applied: new Set([...kept, ...reached]),
      sessions: before?.sessions ?? [],
    });
    if (reached.length < this.#options.endpoints.length) {
      throw keyturnError('TARGET_UNREACHABLE', { target: plan.target, endpoint: [...this.cut].join(', ') });
    }
    return provider ? { identity, value } : { identity };
  }

  #mayTake(account: Account, rotationId: string): boolean {
    return this.#options.capabilities.overlap === 'one-live' || account.dead || account.tag === rotationId;
  }

  #destroy(scope: Scope, identity: string, createdBy: string | null): void {
    this.#fenced(scope);
    const account = this.#accounts.get(identity);
    if (account === undefined || (account.dead && account.tag === createdBy)) return;
    if (account.tag !== createdBy) throw keyturnError('NOT_OURS', { identity, target: scope.plan.target });
    account.value = null;
    account.login = false;
    account.dead = true;
    account.sessions = [];
  }

  /** Refuses an older executor and takes the token of this one, in the same breath as the change. */
  #fenced({ plan, fence }: Scope): void {
    if (!this.#options.capabilities.fence) return;
    const facts = {
      target: plan.target,
      secret: plan.path,
      storedEra: this.#token?.era ?? 0,
      storedEpoch: this.#token?.epoch ?? 0,
    };
    const verdict = judgeFence(this.#token, fence);
    if (verdict === 'stale') throw keyturnError('STALE_EPOCH', facts);
    if (verdict === 'missing') throw keyturnError('FENCE_MISSING', facts);
    this.#token = { era: fence.era, epoch: fence.epoch };
  }

  #answer(account: Account | undefined, credential: Credential, endpoint: string): EndpointAnswer['answer'] {
    if (account === undefined) return 'absent';
    if (!account.login || account.value === null || !account.applied.has(endpoint)) return 'refused';
    return sameSecret(account.value, credential.value) ? 'accepted' : 'refused';
  }
}

/** A value that is the same for the same rotation: a simulation must be able to run twice. */
function madeValue(seed: string): Secret {
  return Secret.fromText(`value-of-${seed}-`.padEnd(40, 'x'));
}
