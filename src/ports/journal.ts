import type { Derived } from '../core/derive.js';
import type { FenceToken } from '../core/fence.js';
import type { Plan } from '../core/plan.js';
import type { CommandKind, Recorded, RotationEvent } from '../core/rotation-event.js';
import type { Standing } from './step-ports.js';

/** A command of a person that the rotation has not taken yet. */
export interface PendingCommand {
  readonly id: number;
  readonly kind: CommandKind;
  readonly by: string;
  readonly reason: string;
}

/** What the database says beside the journal, at the time of a load or a commit. */
export interface Surroundings extends Standing {
  /** Oldest first. */
  readonly commands: readonly PendingCommand[];
}

/** A value on its way into the table of sealed values. The bytes are sealed already. */
export interface SealedValue {
  readonly slot: string;
  readonly sealed: Uint8Array;
}

/** One commit of an executor. */
export interface Append {
  readonly rotationId: string;
  readonly epoch: number;
  /** The sequence number of the last event the executor knows. */
  readonly expectedSeq: number;
  readonly events: readonly RotationEvent[];
  /** What follows from the events, for the secret's columns, the outbox and the counters. */
  readonly derived: Derived;
  readonly sealed: readonly SealedValue[];
  /**
   * When the rotation is to be looked at again. Milliseconds from now by the database's clock; 0: at once; null: not
   * until somebody rings (it has ended or is parked).
   */
  readonly dueInMs: number | null;
  /** For intents whose guard has passed: the commit is refused as `stale` where this no longer holds. */
  readonly guard?: {
    readonly guardSeq: number;
    /** The database's time of the newest fact: before it, the clock went back, and ages mean nothing. Milliseconds since 1970. */
    readonly notBeforeMs: number;
    /** The database's time after which the facts are too old. Milliseconds since 1970. */
    readonly notAfterMs: number;
  };
  /** Principals and groups to claim beside those taken at the start. */
  readonly claims?: readonly string[];
}

/** How a commit ended. Anything but `appended` has changed nothing. */
export type Appended =
  | { readonly kind: 'appended'; readonly seq: number; readonly atMs: number; readonly surroundings: Surroundings }
  /** The lease or the sequence is not ours any more: stop, compensate nothing. */
  | { readonly kind: 'lost' }
  /** What the guard relied on has changed or grown too old: look again. */
  | { readonly kind: 'stale'; readonly surroundings: Surroundings }
  /** The other of roll-back and destroy was decided before. */
  | { readonly kind: 'decided'; readonly decision: 'roll-back' | 'destroy' }
  /** Another rotation holds one of the claims. */
  | { readonly kind: 'claimed'; readonly rotationId: string; readonly key: string };

/** The append-only memory of rotations. */
export interface Journal {
  /** *Returns* null where there is no such rotation. */
  load(rotationId: string): { readonly events: readonly Recorded[]; readonly surroundings: Surroundings } | null;
  /**
   * Appends at the expected sequence under the current epoch, in one transaction with the audit rows, the outbox rows
   * and the secret's derived columns; closes the rotation (and deletes its sealed values) with `RotationClosed`.
   * A commit whose outcome is unknown throws; loading again tells.
   */
  append(append: Append): Appended;
}

/** How asking for a rotation ended. */
export type Accepted =
  | { readonly kind: 'accepted'; readonly rotationId: string }
  /** One is open already: at most one per secret. */
  | { readonly kind: 'open'; readonly rotationId: string }
  /** Another secret's rotation is at work on the same principal or group. */
  | { readonly kind: 'claimed'; readonly rotationId: string; readonly key: string };

/** Where rotations begin. */
export interface RotationIntake {
  /**
   * Writes `RotationRequested`, the claims and the first wakeup in one transaction. `claims` are keys of which one
   * rotation at a time may hold each: the secret, its groups, its principal. *Repeat*: a rotation of this id that is
   * there already, open or ended, is `accepted` and nothing is written.
   */
  accept(plan: Plan, claims: readonly string[]): Accepted;
}

/** Who may write for a secret now. By the database's clock. */
export interface Leases {
  /**
   * Takes the lease and draws a new epoch; by the same worker too. Refused while another holder's has not expired
   * (`busy`), while the target's places are all taken (`full`), or while its breaker is open (`broken`).
   */
  acquire(request: { readonly rotationId: string; readonly holder: string; readonly ttlMs: number }): Lease;
  /** *Returns* false where it is lost. */
  renew(lease: { readonly secret: string; readonly epoch: number; readonly ttlMs: number }): boolean;
  release(lease: { readonly secret: string; readonly epoch: number }): void;
  /** The newest era and epoch this database has given out to anybody. */
  newest(): FenceToken;
  /** Tells the target's breaker how a call went. *Returns* nothing; the next `acquire` sees it. */
  report(target: { readonly environment: string; readonly target: string }, outcome: 'answered' | 'unreachable'): void;
}

/** See {@link Leases.acquire}. */
export type Lease =
  | { readonly kind: 'granted'; readonly secret: string; readonly fence: FenceToken & { readonly known: boolean } }
  | { readonly kind: 'busy' | 'full' | 'broken'; readonly againInMs: number }
  | { readonly kind: 'unknown-rotation' };

/**
 * What an adapter implements for {@link Journal}, {@link RotationIntake} or {@link Leases}: the same members, which may
 * answer later.
 */
export type Async<Port> = {
  readonly [Member in keyof Port]: Port[Member] extends (...args: infer Args) => infer Answer
    ? (...args: Args) => Answer | Promise<Answer>
    : never;
};
