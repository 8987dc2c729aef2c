import type { Credential, Proposal } from '../core/credential.js';
import type { FenceToken } from '../core/fence.js';
import type { EndpointAnswer, Finding, RefusedLogins, Tagged, Usage } from '../core/observation.js';
import type { Plan } from '../core/plan.js';
import type { Secret } from '../core/secret.js';
import type { CheckSight } from '../core/soak-check.js';

/**
 * What a step may ask of the world. Members are written as if they answered at once; {@link Bound} turns them into what
 * an adapter implements. A step reaches them by `yield* ask(port, member, …)`, so that production can await the answer
 * and a simulation can give it synchronously.
 */
export interface StepPorts {
  readonly target: TargetPort;
  readonly store: StorePort;
  readonly sealed: SealedPort;
  readonly consumers: ConsumersPort;
  readonly checks: ChecksPort;
  readonly standing: StandingPort;
}

/** The rotator of this secret, behind the engine's guard. Members as in `keyturn/rotator`, without the context. */
export interface TargetPort {
  preflight(current: Credential | null): readonly Finding[];
  identify(): { readonly system: string };
  propose(current: { readonly identity: string } | null): Proposal;
  create(proposal: Proposal): { readonly identity: string; readonly value?: Secret };
  probe(credential: Credential): readonly EndpointAnswer[];
  verify(credential: Credential): readonly EndpointAnswer[];
  usage(identity: string): Usage;
  refusedLogins(identity: string, mark: string | null): RefusedLogins;
  raise(): void;
  disable(identity: string): { readonly endedSessions: number };
  enable(identity: string): void;
  destroy(identity: string, provenance: { readonly createdBy: string | null }): void;
  list(): readonly Tagged[];
}

/** The labels the engine moves. */
export type Label = 'pending' | 'current' | 'previous';

/** Which version of the secret: by label or by number. */
export type VersionSelector = Label | number;

/** A version as the store gives it back. */
export interface StoredVersion {
  readonly version: number;
  readonly value: Secret;
  /** Keyed digest of the value: equal for equal values of one environment, worthless without the key. */
  readonly digest: string;
  /** The rotation that put it; null where somebody else did. */
  readonly rotationId: string | null;
  readonly labels: readonly Label[];
}

/** The parameter store, for this secret. */
export interface StorePort {
  /** *Returns* null where there is no such version or label; an unreachable store throws. */
  read(selector: VersionSelector): StoredVersion | null;
  /**
   * What would make this rotation's put fail: no room for another version. *Returns* [] when all is well.
   *
   * `current`: the version a read has just shown under that label, or null. A read may be a moment old, and a secret that
   * seems to have no credential must not get its first one: where the label is elsewhere by the store's own word this
   * throws `STORE_UNAVAILABLE`, and all is read again.
   */
  preflight(current: number | null): readonly Finding[];
  /**
   * Writes the pending version of this rotation and labels it `pending`. *Repeat*: the version this rotation put before
   * is found and answered; no second one is made. *Errors* `STORE_STALE`, `VERSION_LIMIT`, `STORE_DENIED`.
   */
  putPending(value: Secret): { readonly version: number; readonly digest: string };
  /**
   * If `current` is on `from` now (null: nowhere): puts `previous` on `previous`, then `current` on `to`, and takes
   * `pending` off `to`. Null removes a label. If `current` is on `to` already, the rest is done all the same.
   * *Returns* where `current` is afterwards: `to`, or where somebody else has put it (then nothing was changed).
   * *Repeat*: harmless. *Errors* `STORE_STALE`.
   */
  moveCurrent(move: { readonly from: number | null; readonly to: number | null; readonly previous: number | null }): {
    readonly current: number | null;
  };
  /** Takes the label `pending` off this version if it is there. *Repeat*: harmless. */
  retirePending(version: number): void;
}

/** The values of this rotation that are sealed beside the journal. */
export interface SealedPort {
  /** *Returns* null where nothing is sealed under this slot. */
  open(slot: string): Secret | null;
}

/** What one consumer answered to a challenge. */
export interface ConsumerAnswer {
  readonly consumer: string;
  readonly instance: string | null;
  /** `proved`: it showed that it holds the value. `pending`: not yet. `refused`: it says that the value does not work. */
  readonly answer: 'proved' | 'pending' | 'refused' | 'unreachable';
  readonly reason: string;
  /** When the challenge was issued that this answers, by the database. Absent: at this look. Milliseconds since 1970. */
  readonly atMs?: number;
  /** It answers after the look that asks it, by an ack; also said of one that has not yet. */
  readonly late?: true;
  /** It has registered and did not answer at this look: another one behind its address may have. */
  readonly unheard?: true;
  /** It has said that it goes: what was heard of it before counts no more. */
  readonly gone?: true;
}

/** The applications that read the secret. */
export interface ConsumersPort {
  /**
   * Asks each consumer of the phase to use this version and to prove that it holds it. Level-triggered: asking again
   * is harmless. Consumers without an address answer `pending`.
   */
  challenge(phase: 'canary' | 'drain', version: number, value: Secret): readonly ConsumerAnswer[];
}

/** What is asked of the world while the canary soaks. */
export interface ChecksPort {
  /**
   * Asks every check of the plan once, and says what was seen; what that means is not judged here. What cannot be asked
   * or read is seen as `nothing`: it never throws, and one that hangs costs its time-out and takes no other along.
   * *Repeat*: harmless.
   */
  look(): readonly CheckSight[];
}

/** What people and time have to say about the secret, read under a lock of its row. */
export interface StandingPort {
  read(): Standing;
}

/** See {@link StandingPort}. */
export interface Standing {
  /** The database's time. Milliseconds since 1970. */
  readonly nowMs: number;
  /** True while a person holds the secret: nothing is disabled or destroyed. */
  readonly held: boolean;
  /** Names of consumers whose proof somebody has waived for this rotation. */
  readonly waived: readonly string[];
  /** Rises with every change of what a guard reads (hold, waiver, policy, consumers) and with every command. */
  readonly guardSeq: number;
}

/** For whom, and under which authority, a port is asked. */
export interface Scope {
  readonly plan: Plan;
  readonly step: string;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly fence: FenceToken & { readonly known: boolean };
  /** The database's time when the wakeup began or last committed. Milliseconds since 1970. */
  readonly nowMs: number;
  /** Aborted when the lease is lost, the deadline passes, or the worker shuts down. */
  readonly signal: AbortSignal;
  /** What is left for this call. Milliseconds. */
  readonly deadlineMs: number;
}

type Awaitable<T> = T | Promise<T>;

/** What an adapter implements for a port: every member takes the scope first, and may answer later. */
export type Bound<Port> = {
  readonly [Member in keyof Port]: Port[Member] extends (...args: infer Args) => infer Answer
    ? (scope: Scope, ...args: Args) => Awaitable<Answer>
    : never;
};

/** All ports a step may ask, as adapters implement them. */
export type BoundStepPorts = { readonly [Name in keyof StepPorts]: Bound<StepPorts[Name]> };
