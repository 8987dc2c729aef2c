import { type ZodType, z } from 'zod';
import type { Capabilities } from '../core/capabilities.js';
import type { Credential, Proposal } from '../core/credential.js';
import type { FenceToken } from '../core/fence.js';
import type { EndpointAnswer, Finding, RefusedLogins, Tagged, Usage } from '../core/observation.js';
import { type Secret, isSecret } from '../core/secret.js';

export type { Credential, Proposal } from '../core/credential.js';
export type { Capabilities } from '../core/capabilities.js';
export { type FenceToken, type FenceVerdict, judgeFence } from '../core/fence.js';
export type { EndpointAnswer, Finding, RefusedLogins, Tagged, Usage } from '../core/observation.js';
export { Secret, isSecret, openSecret } from '../core/secret.js';
export {
  type ErrorCode,
  type ErrorFacts,
  KeyturnError,
  isKeyturnError,
  keyturnError,
} from '../core/errors.js';

/** The number of this contract. A rotator built for another one is refused by name at start. */
export const CONTRACT = 1;

/** For a secret in a rotator's `config`: it was written as a reference and arrives as a `Secret`, never as text. */
export const secretSchema: ZodType<Secret> = z.custom<Secret>(isSecret, 'must be a secret reference');

/** A logger that scrubs the values the engine has shown to this rotator. */
export interface RotatorLog {
  debug(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** What every call of a rotator is told. */
export interface RotatorContext {
  /** The idempotency key: the same over all retries and workers. Tag what you create with it. */
  readonly rotationId: string;
  /** `environment:/path` of the secret. Fence tokens are kept per secret. */
  readonly secret: string;
  readonly step: string;
  /** 1 for the first try of a step. */
  readonly attempt: number;
  readonly fence: FenceToken & {
    /** True when a token of this secret must already be at the target: its absence is then a refusal, not epoch 0. */
    readonly known: boolean;
  };
  /** Aborted at the deadline, when the lease is lost, and at shutdown. */
  readonly signal: AbortSignal;
  /** What is left for this call. Milliseconds. */
  readonly deadlineMs: number;
  /** The state database's time, for comparing with the target's. Milliseconds since 1970. */
  readonly databaseTimeMs: number;
  readonly log: RotatorLog;
}

/** What `destroy` is told of who made the identity. */
export interface Provenance {
  /** The rotation whose tag the identity must carry; null where it was adopted from outside and never tagged. */
  readonly createdBy: string | null;
}

/** The rotator, opened for one secret. Every member may be called again at any time, by another process too. */
export interface Connection {
  /** Looks for what would make a rotation fail later: ownership, privileges, drift. *Returns* [] when all is well. */
  preflight(current: Credential | null, ctx: RotatorContext): Promise<readonly Finding[]>;

  /** Which system this is, by its own identifier and not by its address, so that a moved address is noticed. */
  identify(ctx: RotatorContext): Promise<{ readonly system: string }>;

  /**
   * Chooses the identity, and the value where the origin is ours. No effects. *Repeat*: the same rotation gives the
   * same identity; the value may differ (the engine keeps the first). `current` is null for a first credential.
   */
  propose(current: { readonly identity: string } | null, ctx: RotatorContext): Promise<Proposal>;

  /**
   * Makes it live, tagged with the rotation. *Repeat*: a half-made one under this tag is finished or replaced.
   * *Returns* the value where the origin is the provider's. *Errors* `PRINCIPAL_IN_USE` where the principal can log
   * in already or lacks our dead tag; `VALUE_REJECTED`; `TARGET_FULL`; `ADMIN_REFUSED`; `PRIVILEGE_MISSING`;
   * `STALE_EPOCH`; `FENCE_MISSING`; `DATABASE_REWOUND`.
   */
  create(proposal: Proposal, ctx: RotatorContext): Promise<{ readonly identity: string; readonly value?: Secret }>;

  /** Asks every endpoint whether it accepts this credential, by a fresh login. Never throws for a network fault. */
  probe(credential: Credential, ctx: RotatorContext): Promise<readonly EndpointAnswer[]>;

  /** Uses the credential as a consumer would, by a fresh login on every declared endpoint, privileges included. */
  verify(credential: Credential, ctx: RotatorContext): Promise<readonly EndpointAnswer[]>;

  /** Who still uses it. `unknown` is allowed, a guess is not. */
  usage(identity: string, ctx: RotatorContext): Promise<Usage>;

  /**
   * From where logins with this identity were refused since `mark`, which an earlier call has answered; null: only the mark
   * of now is asked. Who it was is not asked, and what came with a login is not told. Only called where
   * `capabilities.refusedLogins`; absent elsewhere. `unknown` is allowed, a guess is not.
   */
  refusedLogins?(identity: string, mark: string | null, ctx: RotatorContext): Promise<RefusedLogins>;

  /** Lifts the secret's fence token to `ctx.fence`, nothing else. Only called where `capabilities.fence`. */
  raise(ctx: RotatorContext): Promise<void>;

  /** Switches it off reversibly and ends its sessions where it can. *Repeat*: harmless. Missing: success. */
  disable(identity: string, ctx: RotatorContext): Promise<{ readonly endedSessions: number }>;

  /** Switches it on again. *Repeat*: harmless. */
  enable(identity: string, ctx: RotatorContext): Promise<void>;

  /**
   * Removes it, by identity, never by age or position, and only where it carries the tag of the rotation that
   * **created** it, compared in the same transaction or conditional request. Already gone is success.
   * *Errors* `NOT_OURS`.
   */
  destroy(identity: string, provenance: Provenance, ctx: RotatorContext): Promise<void>;

  /** What carries our tag for this secret: how orphans are found. `live` is false for tombstones. */
  list(ctx: RotatorContext): Promise<readonly Tagged[]>;

  /** Releases what was opened. *Repeat*: harmless. */
  close(): Promise<void>;
}

/** What an unknown error of a rotator means. `rejected` errors are certain not to have had an effect. */
export type Classification =
  /** The target refused this value; another may do. */
  | 'rejected-by-policy'
  /** The target refused *us*. */
  | 'rejected-by-authority'
  /** It may work later; nothing was changed. */
  | 'transient'
  /** It may or may not have happened. */
  | 'unknown';

/** A kind of credential: how it is proposed, created, probed, verified, seen in use, disabled and destroyed. */
export interface Rotator<Config = unknown> {
  /** Written into journals: never change it. Lower case, digits and dashes. */
  readonly name: string;
  /** The contract it was built for: {@link CONTRACT} of the Keyturn it was tested with. */
  readonly contract: number;
  /** Target's and secret's settings, merged. Secrets in it arrive as `Secret`. Unknown keys must be refused. */
  readonly config: ZodType<Config>;
  /** How the credential is written in the store: a JSON object with these two fields. */
  readonly credential: { readonly identity: string; readonly value: string };
  /** Honest for this configuration. Pure. */
  capabilities(config: Config): Capabilities;
  /** What the identities name at the target, stable over rotations: two secrets must not share one. Pure. */
  principal(config: Config): string;
  /** What a configuration accepts that a person should be told of at every start, a sentence each. Pure. Absent: nothing. */
  warnings?(config: Config): readonly string[];
  /** Opens it for one secret. No I/O until the first call. */
  connect(config: Config): Connection;
  /** Sorts an error that is not one of the catalogue's. Pure. */
  classify(error: unknown): Classification;
}

/** Declares a rotator; only there to infer the type of its configuration. */
export function defineRotator<Config>(rotator: Rotator<Config>): Rotator<Config> {
  return rotator;
}
