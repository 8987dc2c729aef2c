import type { Views } from '../../ports/operations.js';
import type { StoredVersion, VersionSelector } from '../../ports/step-ports.js';
import type { AccessKey, AppOrder, SsmPlace } from './app/app-protocol.js';
import type { RunningApp } from './app/start-app.js';

/** What of Keyturn the demo uses, as the composition root hands it over: the demo itself knows no adapter. */
export interface DemoParts {
  /** Makes a master key in a file of mode 0600. */
  readonly makeKeyFile: (path: string) => Promise<void>;
  /** Brings the state database and the queue to this version, and grants `appRole` what a worker needs. */
  readonly migrate: (urls: DemoUrls, appRole: string) => Promise<void>;
  /** Serves a Parameter Store out of a database of its own: to the workers it is AWS. */
  readonly serveSsm: (own: { readonly databaseUrl: string; readonly keyFile: string }) => Promise<ServedSsm>;
  /** Opens the state as a person's command does; versions are read where `ssm` says, or else in the built-in store. */
  readonly open: (urls: DemoUrls, configFile: string, ssm: SsmPlace | null) => Promise<DemoState>;
  /** What `node` runs as `keyturn worker`, without further arguments. */
  readonly workerProgram: readonly string[];
  /** Starts the application whose credential is rotated. */
  readonly startApp: (order: AppOrder) => Promise<RunningApp>;
}

/** Where the versions of the demo's secret are: in the built-in store, or in a Parameter Store. */
export type DemoStore = 'built-in' | 'ssm';

/** A Parameter Store that stands for AWS, with a key for those who write and one for those who only read. */
export interface ServedSsm {
  readonly endpoint: string;
  readonly workers: AccessKey;
  readonly reader: AccessKey;
  /** *Repeat*: harmless. */
  readonly stop: () => Promise<void>;
}

/** A webhook, and whether it has come to the application. */
export interface SentWebhook {
  readonly consumer: string;
  /** `rotation.promoted` */
  readonly type: string;
  readonly delivered: boolean;
}

/** Connection strings: secrets. */
export interface DemoUrls {
  readonly database: string;
  readonly queue: string;
}

/** The state of the demo, read and asked from outside the workers. */
export interface DemoState {
  readonly views: Views;
  /** What the store holds under a label or a number; null: nothing. */
  readonly read: (selector: VersionSelector) => Promise<Pick<StoredVersion, 'version' | 'value'> | null>;
  /** Asks for a rotation. *Returns* its id. */
  readonly rotate: (reason: string) => Promise<string>;
  /** Accepts, in the name of whoever plays the demo, that this consumer proves nothing in this rotation. */
  readonly waive: (waiver: {
    readonly rotationId: string;
    readonly consumer: string;
    readonly reason: string;
  }) => Promise<void>;
  /** What became of the webhooks of a rotation. */
  readonly webhooks: (rotationId: string) => Promise<readonly SentWebhook[]>;
  readonly close: () => Promise<void>;
}

/** The names of everything the demo makes. */
export const names = {
  environment: 'demo',
  path: '/demo/billing/db',
  secret: 'demo:/demo/billing/db',
  stateDatabase: 'keyturn_state',
  targetDatabase: 'billing',
  /** Of the Parameter Store that stands for AWS. */
  ssmDatabase: 'parameter_store',
  ssmRegion: 'eu-central-1',
  ssmKey: 'alias/keyturn',
  owner: 'billing',
  logins: ['billing_a', 'billing_b'],
  /** Least privilege on the state: what workers log in as. */
  workerRole: 'keyturn_worker',
  /** May read versions and labels and nothing else: what the applications read the store as. */
  readerRole: 'billing_app',
  /** Changes the logins: may make appKeys, is no superuser. */
  adminRole: 'keyturn_admin',
  /** The applications that use the credential, in the order in which they are waited for. */
  consumers: {
    /** Tries every pending version first. */
    canary: 'billing-canary',
    /** Tries first as well, and refuses when it is told to. */
    next: 'billing-next',
    /** The busy one. */
    app: 'billing-app',
    /** Rests when it is told to: then it proves nothing, and a person answers for it. */
    reports: 'billing-reports',
  },
} as const;

/** Which of the applications. */
export type AppKey = keyof typeof names.consumers;

/** All of them, in order. */
export const appKeys: readonly AppKey[] = ['canary', 'next', 'app', 'reports'];
