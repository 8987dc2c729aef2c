import type { Rotator } from '../contract/rotator.js';
import type { WebhookEvent } from '../core/delivery.js';
import type { Json } from '../core/json.js';
import type { Isolated } from './isolated.js';
import type { Reference } from './references.js';

/** A length of time as people write it: `500ms`, `30s`, `15m`, `2h`, `7d`. */
export type Duration = string;

/** What `keyturn.config.ts` exports. Unknown keys are refused. */
export interface ConfigInput {
  readonly keyring: KeyringInput;
  /**
   * The secret with which Keyturn logs in to its own state database: one of `keyturn/rotators/postgres` with two logins. Every
   * worker writes it into the file that `loginfile` of `KEYTURN_DATABASE_URL` names. Default: none of these.
   */
  readonly databaseLogin?: { readonly environment: string; readonly secret: string };
  /** By name. A secret belongs to exactly one, and there is no default one. */
  readonly environments: Readonly<Record<string, EnvironmentInput>>;
}

/** Where the master key is: in a file, or in AWS KMS. One of the two. */
export interface KeyringInput {
  /** The master key. Relative to the configuration file; mode 0600 or it is refused. Made by `keyturn init`. */
  readonly file?: string;
  readonly kms?: KmsInput;
  /**
   * The master key before this one, while `keyturn store rewrap` moves from it: a key file, or a key of KMS. What it has
   * sealed can be read until then. Default: there is none.
   */
  readonly previous?: string | { readonly kms: KmsInput };
}

/** A symmetric key of AWS KMS. Credentials are found where the AWS SDK looks for them: a role, the environment, a profile. */
export interface KmsInput {
  /** An alias (`alias/keyturn`), a key id, or the ARN of either. */
  readonly key: string;
  /** `eu-central-1`. */
  readonly region: string;
  /** Where KMS answers. Default: the public endpoint of the region. */
  readonly endpoint?: string;
}

/** A named set of targets, secrets and consumers. */
export interface EnvironmentInput {
  readonly targets: Readonly<Record<string, TargetInput>>;
  /** By path: `/prod/billing/db`. */
  readonly secrets: Readonly<Record<string, SecretInput>>;
  /** Where the versions of its secrets are. Default: in the state database. */
  readonly store?: { readonly ssm: SsmStoreInput };
  /** Where a signed webhook goes for every event of a rotation of this environment. Default: nowhere. */
  readonly webhooks?: readonly WebhookInput[];
  /** True lets webhooks and challenges go to private and loopback addresses. Default: false, they are refused. */
  readonly allowPrivateAddresses?: boolean;
  /**
   * The hosts that webhooks, challenges and checks of this environment may go to: `hooks.example.com`, or `*.example.com` for all
   * below it. Default: any.
   */
  readonly allowHosts?: readonly string[];
}

/**
 * AWS SSM Parameter Store. Credentials are found where the AWS SDK looks for them: a role, the environment, a profile.
 * docs/aws.md says what that role must be allowed.
 */
export interface SsmStoreInput {
  /** `eu-central-1`. */
  readonly region: string;
  /** The KMS key of the parameters: an alias (`alias/billing`), a key id, or the ARN of either. */
  readonly key: string;
  /** Before the path of every secret: `/keyturn`. Default: nothing. */
  readonly prefix?: string;
  /** Where Parameter Store answers. Default: the public endpoint of the region. */
  readonly endpoint?: string;
  /**
   * Puts by all workers together, and as many label moves. Default 3, which is what AWS grants an account that has not
   * asked for more.
   */
  readonly putsPerSecond?: number;
  /** Twelve digits. Environments of one account and region share the rate. Default: as if all had one account. */
  readonly account?: string;
  /**
   * Where a version is while it is tried. `label`: under the name of the secret, and applications read `NAME:current`.
   * `shadow`: under `NAME.keyturn`, for applications that can read the bare name only. Default `label`.
   */
  readonly staging?: 'label' | 'shadow';
  /** True allows `alias/aws/ssm` as the key, whose policy nobody can change. Default: false, it is refused. */
  readonly allowDefaultKey?: boolean;
}

/** The system that accepts the credentials. */
export interface TargetInput {
  /** The default export of `keyturn/rotators/…` or of a rotator of your own; or one that is not yours, by `isolated(…)`. */
  // A rotator's own type of settings is known to the rotator alone.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly rotator: Rotator<any> | Isolated;
  /** Rotations at work on it at one time, over all workers. Default 4. */
  readonly concurrency?: number;
  /** What the rotator needs to know of the target. Secrets enter by `env(…)` or `file(…)`, never inline. */
  readonly config: { readonly [key: string]: SettingInput };
}

/** A setting: plain data, or a reference to a secret. */
export type SettingInput = Json | Reference | readonly SettingInput[] | { readonly [key: string]: SettingInput };

/** A credential under management. */
export interface SecretInput {
  /** The name of a target of the same environment. */
  readonly target: string;
  /** What the rotator needs to know of this secret. Laid over the target's settings, key by key. */
  readonly config?: { readonly [key: string]: SettingInput };
  /**
   * Default `staged-rotation`. `in-place-rotation` must be said where the rotator keeps one live credential only: for a
   * moment the old one is dead and the new one is not yet `current`.
   */
  readonly workflow?: 'staged-rotation' | 'in-place-rotation';
  /** When it rotates by itself. Default: never. */
  readonly schedule?: {
    /** Five fields: `0 3 * * 1` is Monday at three. */
    readonly cron: string;
    /** An IANA name: `Europe/Berlin`. */
    readonly timezone: string;
    /** How long after its time a rotation may take until `secret.overdue` tells of it, and again each time as long. Default `1d`. */
    readonly overdueAfter?: Duration;
  };
  readonly policy?: PolicyInput;
  /** The applications that read it. Default: none is known. */
  readonly consumers?: readonly ConsumerInput[];
  /** What is asked while the canary soaks. At most 20. Default: nothing is. */
  readonly checks?: readonly CheckInput[];
  /** True where its first credential was made by hand and carries no tag: the first rotation may destroy it. Default false. */
  readonly adopted?: boolean;
  /** Secrets of one group are never rotated at the same time. Default: none. */
  readonly group?: string;
}

/** How long a rotation waits, and for what. What is left out keeps its default. */
export interface PolicyInput {
  /** How long the canary must stay well after it passed. Default `0s`. */
  readonly soak?: Duration;
  /** How long, in all, the canary may not be well before the rotation rolls back. Default `10m`. */
  readonly canaryMax?: Duration;
  /**
   * How many of the consumers with `canary: true` must have proved: all, a count, or a percentage from 1 to 100, rounded
   * up. Whoever of them refuses turns back as ever. Default `all`.
   */
  readonly canaries?: 'all' | { readonly count: number } | { readonly percent: number };
  /** What becomes of a rotation that after `canaryMax` lacks nothing but a check that nobody could tell. Default `undo`. */
  readonly unknownChecks?: 'undo' | 'park';
  /** The least time between promote and disable. Default `1m`. */
  readonly grace?: Duration;
  /** No session with the old identity was opened for this long. Default `1m`. */
  readonly quiet?: Duration;
  /** How old a session with the old identity may get before it is ended. Default `1h`. */
  readonly maxSessionAge?: Duration;
  /** How long draining may take before the rotation parks. Default `1d`. */
  readonly drainMax?: Duration;
  /** What becomes of it then: `extend` waits on. It never revokes by time. Default `park`. */
  readonly onDrainMax?: 'park' | 'extend';
  /** What a refusal by a consumer does after promote, while the old credential works. Default `undo`. */
  readonly onRefusal?: 'undo' | 'park';
  /** How long the old credential stays disabled before it is destroyed. Default `5m`. */
  readonly watch?: Duration;
  /** How often a waiting gate looks again. Default `10s`. */
  readonly poll?: Duration;
  /** Back-off between failed tries. Defaults `10s`, `5m`, 8 and 3. */
  readonly retry?: {
    readonly first?: Duration;
    readonly max?: Duration;
    readonly attemptsPerCycle?: number;
    readonly cycles?: number;
  };
}

/** An application that reads the secret. */
export interface ConsumerInput {
  readonly name: string;
  /** Where it answers challenges. Default: it cannot be asked. */
  readonly url?: string;
  /** It tries the pending version before anybody else sees it. Default false. */
  readonly canary?: boolean;
  /** The old credential stays until it has proved that it holds the new one. Default true. */
  readonly required?: boolean;
  /** How long it may serve a value from its cache. Default `0s`. */
  readonly cacheTtl?: Duration;
  /**
   * How many instances must have proved, told apart by name: so many, or those that have `registered`. Default: those that
   * answer.
   */
  readonly instances?: number | 'registered';
  /** Who answers for it, for whoever looks at a rotation that waits for it: a team, an address. Default: nobody is named. */
  readonly owner?: string;
  /**
   * The addresses it logs in from: `10.1.2.3`, `10.1.0.0/16`. A login with the old credential that is refused there while it
   * is off has it switched on again, where the target tells of refused logins. Default: nobody knows.
   */
  readonly sources?: readonly string[];
  /** What its challenges are signed with. Default: they are not. */
  readonly key?: Reference;
}

/** One question that is asked at every look while the canary soaks; exactly one of `http` and `prometheus`. */
export interface CheckInput {
  /** What a rotation that turned back for it calls it. */
  readonly name: string;
  /** Looks in a row that must find it bad before the rotation turns back. 1 to 100. Default 2. */
  readonly failAfter?: number;
  /** A GET that is good where the status is the expected one. Redirects are not followed. */
  readonly http?: {
    readonly url: string;
    /** 200 to 599. Default 200. */
    readonly expectStatus?: number;
  };
  /** An instant query of which every sample must be on the right side of the limit. */
  readonly prometheus?: {
    /** What stands before `/api/v1/query`: `https://prometheus.internal`. */
    readonly url: string;
    /** In PromQL: a scalar or an instant vector. At most 4000 characters. */
    readonly query: string;
    /** Every sample is less than this. Exactly one of `below` and `above`. */
    readonly below?: number;
    /** Every sample is more than this. */
    readonly above?: number;
    /** A bearer token, by `env(…)` or `file(…)`; read at every look. Default: none is sent. */
    readonly token?: Reference;
  };
}

/** One receiver of signed webhooks (Standard Webhooks). */
export interface WebhookInput {
  readonly name: string;
  readonly url: string;
  /** The signing key, `whsec_…` or bytes. */
  readonly key: Reference;
  /** The types of webhook it gets, such as `rotation.parked`. Default: all. */
  readonly events?: readonly WebhookEvent[];
}

/** Declares the configuration; only there so that an editor completes and checks it. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
