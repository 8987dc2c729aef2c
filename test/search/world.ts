import { MemoryClock } from '../../src/adapters/memory/clock.js';
import { MemoryState } from '../../src/adapters/memory/state.js';
import { MemoryStore } from '../../src/adapters/memory/store.js';
import { MemoryTarget } from '../../src/adapters/memory/target.js';
import { type Credential, type Proposal, parseCredential, renderCredential } from '../../src/core/credential.js';
import type { Plan } from '../../src/core/plan.js';
import { type RotationState, evolve, fold } from '../../src/core/rotation.js';
import type { Recorded, RotationEvent } from '../../src/core/rotation-event.js';
import { Secret, openSecret } from '../../src/core/secret.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { Append, Appended } from '../../src/ports/journal.js';
import type { Scope, StoredVersion } from '../../src/ports/step-ports.js';
import { aPlan, ableCapabilities, promptPolicy } from '../support/plans.js';
import type { Bounds } from './bounds.js';
import { LabelStore, type Prepared } from './label-store.js';

/** How long after it was meant a request may still arrive where nothing refuses it. Milliseconds. */
export const settleMs = 8_000;

/** Each gate makes its rotation wait once, so that an executor does not do a whole life in one breath. */
const waits = { soakMs: 1_000, graceMs: 1_000, watchMs: 1_000 };

const neverAborted = new AbortController().signal;

/** A request that left an executor which has not come back since. */
export interface Flight {
  readonly request: EngineRequest;
  readonly prepared: Prepared | null;
  /** It can no longer arrive then. Milliseconds since 1970; infinite where old requests are refused instead. */
  readonly deadMs: number;
}

/** What has happened, whatever journal and engine say: nothing takes it back, a lost database neither. */
export interface Truth {
  /** Decisions that were ever committed, as `r1 DestroyDecided`. */
  readonly decided: ReadonlySet<string>;
  /** A person has moved the label: what an executor was about to do may be wrong for a moment. */
  readonly tampered: boolean;
  /** The fail-over itself left `current` on something that is refused. */
  readonly broken: boolean;
  /** A fail-over that nobody has noticed yet: no rotation has a way to know that it was further. */
  readonly forgotten: boolean;
}

/** Everything around the executors, and what they ask of it. */
export class World {
  readonly clock = new MemoryClock();
  readonly state = new MemoryState(this.clock);
  readonly target: MemoryTarget;
  readonly store: MemoryStore | LabelStore;
  readonly plans: readonly Plan[];
  /** Of the plan that was accepted last. */
  rotation = 0;
  /** How many values were made: no two rotations, and no two tries, make the same. */
  values = 0;
  truth: Truth = { decided: new Set(), tampered: false, broken: false, forgotten: false };

  constructor(readonly bounds: Bounds) {
    const capabilities = { ...ableCapabilities, fence: bounds.fence, settleMs: bounds.fence ? 0 : settleMs };
    const policy = { ...promptPolicy, ...waits, drainMaxMs: 1e12, canaryMaxMs: 1e12 };
    this.target = new MemoryTarget({ capabilities, endpoints: ['one'], clock: this.clock });
    this.store = bounds.leasedStore ? new MemoryStore(this.state) : new LabelStore();
    const storeSettleMs = bounds.leasedStore ? 0 : settleMs;
    this.plans = Array.from({ length: bounds.rotations }, (_, index) =>
      aPlan({ rotationId: `r${index + 1}`, capabilities, policy, storeSettleMs }),
    );
    const [plan] = this.plans;
    if (plan === undefined) throw new TypeError('a world has at least one rotation');
    const first = { identity: `${plan.principal}_a`, value: this.#value() };
    this.target.adopt(first);
    const document = renderCredential(first, plan.fields);
    if (this.store instanceof LabelStore) this.store.putInitial(document);
    else this.store.putInitial(plan.secret, document);
    this.accept();
  }

  get plan(): Plan {
    return this.plans[this.rotation] as Plan;
  }

  get journal(): RotationState {
    return folded(this.state.load(this.plan.rotationId)?.events ?? []);
  }

  accept(): void {
    this.state.accept(this.plan, [`secret ${this.plan.secret}`]);
  }

  read(selector: Parameters<LabelStore['read']>[0]): StoredVersion | null {
    return this.store instanceof LabelStore ? this.store.read(selector) : this.store.read(this.plan.secret, selector);
  }

  credential(stored: StoredVersion): Credential {
    return parseCredential(stored.value, this.plan.fields, this.plan.path);
  }

  /** Every version, oldest first. */
  versions(): readonly StoredVersion[] {
    const found: StoredVersion[] = [];
    for (let number = 1; ; number += 1) {
      const stored = this.read(number);
      if (stored === null) return found;
      found.push(stored);
    }
  }

  /** Checks a write of a store that does not check when it takes effect; null for everything else. */
  prepare({ port, method, args, authority }: EngineRequest): Prepared | null {
    if (port !== 'store' || !(this.store instanceof LabelStore) || !isPoint({ port, method })) return null;
    return this.store.prepare(method, authority?.plan.rotationId ?? '', args);
  }

  /** Carries a request out. Throws what the port throws. */
  answer({ port, method, args, authority }: EngineRequest, prepared: Prepared | null): unknown {
    if (prepared !== null && this.store instanceof LabelStore) return this.store.apply(prepared);
    if (authority === null) {
      if (port === 'process') return method === 'elapsedMs' ? 0 : false;
      const appended = call(this.state, method, args);
      if (method === 'append') this.#remember(args[0] as Append, appended as Appended);
      return appended;
    }
    const scope: Scope = { ...authority, signal: neverAborted, deadlineMs: 10_000 };
    switch (port) {
      case 'target': {
        const answered = call(this.target.port, method, [scope, ...args]);
        return method === 'propose' ? { ...(answered as Proposal), value: this.#value() } : answered;
      }
      case 'store':
        return call(this.store instanceof LabelStore ? this.store.reads : this.store.port, method, [scope, ...args]);
      case 'sealed': {
        const sealed = this.state.sealed(authority.plan.rotationId, args[0] as string);
        return sealed === undefined ? null : new Secret(sealed.slice());
      }
      case 'sealer':
        return openSecret(args[1] as Secret).slice();
      case 'standing':
        return this.state.load(authority.plan.rotationId)?.surroundings;
      default:
        throw new TypeError(`nobody asks ${port} here`);
    }
  }

  /** Everything but the clock. *Returns* what restores it. */
  backUp(): () => void {
    const { rotation, values, truth } = this;
    const nowMs = this.clock.nowMs();
    const parts = [this.state.backUp(), this.store.backUp(), this.target.backUp()];
    return () => {
      for (const restore of parts) restore();
      this.clock.pass(nowMs - this.clock.nowMs());
      this.rotation = rotation;
      this.values = values;
      this.truth = truth;
    };
  }

  #value(): Secret {
    this.values += 1;
    return Secret.fromText(`value-${this.values}-`.padEnd(40, 'x'));
  }

  #remember({ rotationId, events }: Append, { kind }: Appended): void {
    if (kind !== 'appended') return;
    const decisions = events.filter((each) => isDecision(each)).map((each) => `${rotationId} ${each.kind}`);
    if (decisions.length > 0) this.truth = { ...this.truth, decided: new Set([...this.truth.decided, ...decisions]) };
  }
}

const known = new WeakMap<Recorded, RotationState>();

/** The fold of a journal. What is recorded is never changed, so the last event stands for all before it. */
export function folded(events: readonly Recorded[]): RotationState {
  const last = events.at(-1);
  if (last === undefined) throw new TypeError('a journal begins with RotationRequested');
  let start = events.length - 1;
  while (start > 0 && !known.has(events[start] as Recorded)) start -= 1;
  const before = known.get(events[start] as Recorded);
  const state = before === undefined ? fold(events) : events.slice(start + 1).reduce(evolve, before);
  known.set(last, state);
  return state;
}

const points: Readonly<Record<string, readonly string[]>> = {
  target: ['create', 'raise', 'disable', 'enable', 'destroy'],
  store: ['putPending', 'moveCurrent', 'retirePending'],
  journal: ['append'],
};

/** True for what changes the world: only there does it matter when something happens. */
export function isPoint({ port, method }: Pick<EngineRequest, 'port' | 'method'>): boolean {
  return points[port]?.includes(method) === true;
}

function isDecision({ kind }: RotationEvent): boolean {
  return kind === 'DestroyDecided' || kind === 'RollbackDecided';
}

function call(on: object, method: string, args: readonly unknown[]): unknown {
  const member = (on as Readonly<Record<string, ((...args: readonly unknown[]) => unknown) | undefined>>)[method];
  if (member === undefined) throw new TypeError(`there is no ${method}`);
  return member.call(on, ...args);
}
