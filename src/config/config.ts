import type { Rotator } from '../contract/rotator.js';
import type { Capabilities } from '../core/capabilities.js';
import type { Json } from '../core/json.js';
import { shadowSuffix } from '../core/parameter-path.js';
import type { PlannedCheck, PlannedConsumer } from '../core/plan.js';
import type { Policy } from '../core/policy.js';
import type { Schedule } from '../ports/operations.js';

/** The configuration after it was parsed: checked, complete and frozen. */
export interface Config {
  /** The file it came from. Absolute. */
  readonly file: string;
  /** Its folder: what relative paths and `file(…)` references are relative to. */
  readonly folder: string;
  readonly keyring: KeyringConfig;
  /** The secret with which Keyturn logs in to its own state database; null: none of these. */
  readonly databaseLogin: { readonly environment: string; readonly secret: string } | null;
  /** By name; without a prototype. */
  readonly environments: Readonly<Record<string, EnvironmentConfig>>;
}

/** See {@link Config}. */
export type KeyringConfig = MasterKeyConfig & {
  /** The master key before this one; null: nothing is left that it has sealed. */
  readonly previous: MasterKeyConfig | null;
};

/** See {@link Config}. */
export type MasterKeyConfig =
  | { readonly kind: 'file' /** Absolute. */; readonly file: string }
  | {
      readonly kind: 'kms';
      readonly key: string;
      readonly region: string;
      /** Null: that of the region. */
      readonly endpoint: string | null;
    };

/** How people call a master key: its file, or its name at KMS and where that is. */
export function masterKeyName(key: MasterKeyConfig): string {
  return key.kind === 'file' ? key.file : `${key.key} (${key.region})`;
}

/** See {@link Config}. */
export interface EnvironmentConfig {
  readonly name: string;
  readonly targets: Readonly<Record<string, TargetConfig>>;
  /** By path. */
  readonly secrets: Readonly<Record<string, SecretConfig>>;
  readonly store: StoreConfig;
  readonly webhooks: readonly WebhookConfig[];
  readonly allowPrivateAddresses: boolean;
  /** The hosts that may be spoken to; absent: any. */
  readonly allowHosts?: readonly string[] | undefined;
}

/** Where the versions of an environment's secrets are: in the state database, or in AWS SSM Parameter Store. */
export type StoreConfig = { readonly kind: 'built-in' } | SsmStoreConfig;

/** See {@link StoreConfig}. */
export interface SsmStoreConfig {
  readonly kind: 'ssm';
  readonly region: string;
  /** The KMS key of every put. */
  readonly key: string;
  /** Before the path of every secret; empty: nothing. */
  readonly prefix: string;
  /** Null: that of the region. */
  readonly endpoint: string | null;
  /** By all workers together; labels are moved at the same rate. */
  readonly putsPerSecond: number;
  /** Twelve digits; null: the one of the credentials, whichever it is. */
  readonly account: string | null;
  /**
   * `label`: consumers read by the label `current`. `shadow`: they read the bare name, and the versions are in a parameter
   * beside it.
   */
  readonly staging: 'label' | 'shadow';
}

/**
 * Whose parameters are behind an endpoint. AWS has many for the same ones: of the region, of a VPC, FIPS, dual-stack. Any
 * other is a service of its own.
 */
export function ssmService({ endpoint }: Pick<SsmStoreConfig, 'endpoint'>): string {
  if (endpoint === null) return 'aws';
  const { hostname, href } = new URL(endpoint);
  return /\.(amazonaws\.com(\.cn)?|api\.aws)$/.test(hostname) ? 'aws' : href;
}

/** The names that a secret takes in a store on SSM. The first is the one that holds its versions. */
export function parameterNames({ prefix, staging }: SsmStoreConfig, path: string): readonly string[] {
  const bare = `${prefix}${path}`;
  return staging === 'shadow' ? [`${bare}${shadowSuffix}`, bare] : [bare];
}

/** See {@link Config}. */
export interface TargetConfig {
  readonly name: string;
  readonly rotator: Rotator;
  readonly concurrency: number;
  readonly config: Readonly<Record<string, Json>>;
}

/** See {@link Config}. */
export interface SecretConfig {
  /** `environment:/path`. */
  readonly id: string;
  readonly environment: string;
  readonly path: string;
  readonly target: string;
  readonly rotator: Rotator;
  /** Target's and secret's settings, merged, with references in place of secrets. */
  readonly config: Readonly<Record<string, Json>>;
  readonly capabilities: Capabilities;
  /** What its identities name at the target. */
  readonly principal: string;
  /** What its rotator wants said at every start, a sentence each. */
  readonly warnings: readonly string[];
  readonly workflow: { readonly name: string; readonly number: number };
  /** Null: on demand only. */
  readonly schedule: Schedule | null;
  readonly policy: Policy;
  readonly consumers: readonly ConsumerConfig[];
  readonly checks: readonly PlannedCheck[];
  readonly adopted: boolean;
  readonly group: string | null;
}

/** See {@link Config}. */
export interface ConsumerConfig extends PlannedConsumer {
  /** The reference of its key; null: its challenges are not signed. */
  readonly key: string | null;
}

/** See {@link Config}. */
export interface WebhookConfig {
  readonly name: string;
  readonly url: string;
  /** The reference of the signing key. */
  readonly key: string;
  /** The types of webhook it gets; absent: all. */
  readonly events?: readonly string[] | undefined;
}
