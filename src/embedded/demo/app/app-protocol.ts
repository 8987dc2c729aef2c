import type { LoginPlace } from '../login.js';

/** What the demo tells the sample application, over IPC: the first message, which holds secrets, and later ones. */
export type ToApp =
  | { readonly kind: 'start'; readonly order: AppOrder }
  /** Answer the next challenge of a canary with a refusal. */
  | { readonly kind: 'refuse-next-canary' }
  /** Close every session, and use nothing until it is woken. It is told of what happens, and proves nothing. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'wake' }
  /** Stop working, and report for the last time. */
  | { readonly kind: 'finish' };

/** What the sample application tells the demo. */
export type FromApp =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'counted'; readonly counters: AppCounters }
  | { readonly kind: 'finished'; readonly counters: AppCounters };

/** The two halves of a key that signs requests to a Parameter Store: the second is a secret. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Where a parameter is read, and as whom. */
export interface SsmPlace {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AccessKey;
  /** `/demo/billing/db` */
  readonly name: string;
}

/** Where the sample application reads its credential. */
export type AppStore =
  /** With a connection string of the role that may read versions, and the file of the master key. */
  | { readonly kind: 'built-in'; readonly stateUrl: string; readonly keyFile: string }
  | ({ readonly kind: 'ssm' } & SsmPlace);

/** What the sample application needs to know. */
export interface AppOrder {
  /** What it is called as a consumer. */
  readonly consumer: string;
  /** How hard it works. */
  readonly load: 'busy' | 'light';
  readonly store: AppStore;
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
  /** The version it uses; null: none yet, or it rests. */
  readonly version: number | null;
}
