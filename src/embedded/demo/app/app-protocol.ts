import type { LoginPlace } from '../login.js';

/** What the demo tells the sample application, over IPC: the first message, which holds secrets, and later ones. */
export type ToApp =
  | { readonly kind: 'start'; readonly order: AppOrder }
  /** Answer the next challenge of a canary with a refusal. */
  | { readonly kind: 'refuse-next-canary' }
  /** Stop working, and report for the last time. */
  | { readonly kind: 'finish' };

/** What the sample application tells the demo. */
export type FromApp =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'counted'; readonly counters: AppCounters }
  | { readonly kind: 'finished'; readonly counters: AppCounters };

/** What the sample application needs to know. */
export interface AppOrder {
  /** A connection string of the role that may read the store. */
  readonly stateUrl: string;
  readonly keyFile: string;
  readonly secret: string;
  readonly environment: string;
  /** `whsec_…` */
  readonly consumerKey: string;
  readonly target: LoginPlace;
  /** Where what it prints is kept, and its temporary files. */
  readonly folder: string;
}

/** What the sample application has lived through. It never tries anything again, so a failure stays one. */
export interface AppCounters {
  readonly queries: number;
  /** Payments it was told of as written. */
  readonly payments: number;
  readonly freshLogins: number;
  /** Refused logins, failed queries, sessions that ended under it, and reads of the store that failed. */
  readonly failures: number;
  /** The codes of the first failures. */
  readonly failedWith: readonly string[];
  /** Times it moved to another version. */
  readonly moves: number;
  readonly challenges: number;
  readonly webhooks: number;
  /** The version it uses; null: none yet. */
  readonly version: number | null;
}
