import type { LoginPlace } from '../../src/embedded/demo/login.js';

/** What the rig tells a consumer, over IPC: the first message, which holds secrets, and later ones. */
export type ToConsumer =
  | { readonly kind: 'start'; readonly order: ConsumerOrder }
  /** Begin to work. */
  | { readonly kind: 'work' }
  /** Stop working, and report for the last time. */
  | { readonly kind: 'finish' };

/** What a consumer tells the rig. */
export type FromConsumer =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'counted'; readonly counters: ConsumerCounters }
  | { readonly kind: 'finished'; readonly counters: ConsumerCounters };

/** What a consumer needs to know. */
export interface ConsumerOrder {
  readonly name: string;
  /** `library`: all that it knows of rotations is `keyturn/consumer`; `by-hand`: it moves its pools itself. */
  readonly kind: 'by-hand' | 'library';
  /** A connection string of the role that may read the store. */
  readonly stateUrl: string;
  readonly keyFile: string;
  /** `whsec_…` */
  readonly consumerKey: string;
  readonly target: LoginPlace;
}

/** Something that must not happen. */
export interface Failure {
  /** Milliseconds since 1970, so that it can be found in the logs. */
  readonly atMs: number;
  readonly doing: string;
  /** The SQLSTATE, or the system's code where no server answered. */
  readonly code: string;
  readonly secret: string;
  readonly version: number | null;
}

/** What a consumer has lived through. */
export interface ConsumerCounters {
  readonly queries: number;
  readonly freshLogins: number;
  /** Refused logins, failed queries, sessions that ended under it, and reads of the store that failed. */
  readonly failures: number;
  /** The first of them. */
  readonly firstFailures: readonly Failure[];
  /** Logins that were refused because it had not heard of the new version, and went well after one look. */
  readonly refreshes: number;
  /** Times it moved to another version. */
  readonly moves: number;
  readonly challenges: number;
  readonly webhooks: number;
  /** Secrets it has a version of. */
  readonly holding: number;
}
