import type { Selector } from '../core/parameter-name.js';
import type { PathGrant } from '../core/path-grant.js';
import type { Secret } from '../core/secret.js';

/** How a value is to be read; a SecureString is given in clear only to those who ask for that. */
export type ParameterType = 'String' | 'StringList' | 'SecureString';

/** Standard: 4 KB, no policies. Advanced: 8 KB, policies; never back. */
export type ParameterTier = 'Standard' | 'Advanced';

/** What a put says beside the value. What is absent stays as it was. */
export interface ParameterDetails {
  readonly description?: string;
  /** A regular expression that the value matched. */
  readonly allowedPattern?: string;
  readonly dataType?: string;
  /** As it was put: a JSON array. Null clears them. */
  readonly policies?: string | null;
}

/** Who writes, from where, by which operation: written down with the write itself. */
export interface Writer {
  readonly principal: string;
  /** The address it came from. */
  readonly source: string;
  /** `PutParameter`. */
  readonly action: string;
}

/** A new version of a parameter. */
export interface ParameterPut {
  readonly path: string;
  /** As it was written: a first put decides whether answers carry the slash. */
  readonly name: string;
  readonly value: Secret;
  /** Null: as it was. */
  readonly type: ParameterType | null;
  readonly overwrite: boolean;
  /** Null: as it was, and standard for a new one. */
  readonly tier: ParameterTier | 'Intelligent-Tiering' | null;
  readonly details: ParameterDetails;
  /** Of a new parameter. */
  readonly tags: Readonly<Record<string, string>> | null;
}

/** Why a put changed nothing. `managed`: rotations alone write it; `untyped`: a new one needs a type. */
export type PutRefusal =
  | 'managed'
  | 'exists'
  | 'type'
  | 'untyped'
  | 'immutable'
  | 'downgrade'
  | 'size'
  | 'policies'
  | 'limit';

/** One version of a parameter, its value still sealed. */
export interface ParameterVersion {
  readonly path: string;
  readonly name: string;
  readonly type: ParameterType;
  readonly version: number;
  readonly labels: readonly string[];
  readonly tier: ParameterTier;
  readonly details: ParameterDetails;
  readonly putBy: string;
  /** The database's time. Milliseconds since 1970. */
  readonly atMs: number;
  /** The sealed value, in base64: what a reader without the right to open it is given. */
  readonly sealed: () => string;
  /** *Errors* `KEYRING_DENIED`, `KEYRING_UNAVAILABLE`. */
  readonly open: () => Promise<Secret>;
}

/** What a read found. `missing`: no such parameter; `version`: it has no such version or label. */
export type Found = ParameterVersion | 'missing' | 'version';

/** Which parameters of an environment are meant. All that is given must hold. */
export interface ParameterFilter {
  /** Whole paths match one of these regular expressions: what the principal may see. */
  readonly visible: readonly string[];
  /** Below this path, `/` for all; `recursive` false: one level. */
  readonly below?: { readonly path: string; readonly recursive: boolean };
  readonly name?: NameFilter;
  readonly type?: readonly string[];
  readonly tier?: readonly string[];
  readonly dataType?: readonly string[];
  /** By the key of a tag; null: any value. */
  readonly tags?: readonly { readonly key: string; readonly values: readonly string[] | null }[];
  /** Of the version that carries one of these labels, instead of the newest. */
  readonly label?: readonly string[];
}

/** See {@link ParameterFilter}. */
export interface NameFilter {
  readonly option: 'Equals' | 'BeginsWith' | 'Contains';
  readonly values: readonly string[];
}

/** A page: what comes after this one, and how many at most. */
export interface Page<After> {
  /** Null: from the beginning. */
  readonly after: After | null;
  readonly limit: number;
}

/**
 * The parameters of the built-in store, one environment at a time, as its wire protocol speaks of them. Rotations use
 * `StorePort`; both see the same versions and labels.
 *
 * *Errors* of all: `STORE_UNAVAILABLE`, `STORE_DENIED`, `DATABASE_UNMIGRATED`; of writes also `KEYRING_UNAVAILABLE`, `KEYRING_DENIED`.
 */
export interface Parameters {
  /** *Returns* the new version, or why there is none. */
  put(
    environment: string,
    put: ParameterPut,
    writer: Writer,
  ): Promise<{ readonly version: number; readonly tier: ParameterTier } | PutRefusal>;
  /** *Returns* one answer for each question, in its order. */
  read(
    environment: string,
    asked: readonly { readonly path: string; readonly selector: Selector }[],
  ): Promise<readonly Found[]>;
  /** Newest versions (or those of `label`) by path, in its order. */
  list(environment: string, filter: ParameterFilter, page: Page<string>): Promise<readonly ParameterVersion[]>;
  /** The kept versions of one parameter, oldest first. *Returns* null where there is none. */
  history(environment: string, path: string, page: Page<number>): Promise<readonly ParameterVersion[] | null>;
  /** Null version: the newest. *Returns* the version and the labels taken off it. */
  label(
    environment: string,
    move: {
      readonly path: string;
      readonly version: number | null;
      readonly labels: readonly string[];
      readonly remove: boolean;
    },
    writer: Writer,
  ): Promise<
    { readonly version: number; readonly removed: readonly string[] } | 'managed' | 'missing' | 'version' | 'limit'
  >;
  delete(environment: string, path: string, writer: Writer): Promise<'done' | 'managed' | 'missing' | 'protected'>;
  /** *Returns* null where there is no such parameter. */
  tags(environment: string, path: string): Promise<Readonly<Record<string, string>> | null>;
  tag(
    environment: string,
    path: string,
    change: { readonly add: Readonly<Record<string, string>>; readonly remove: readonly string[] },
    writer: Writer,
  ): Promise<'done' | 'missing' | 'protected' | 'limit'>;
}

/** Who speaks to the store, as its access key says. */
export interface AccessKey {
  readonly keyId: string;
  readonly environment: string;
  readonly principal: string;
  readonly grants: readonly PathGrant[];
  readonly requestsPerSecond: number;
  /** What requests are signed with. */
  readonly secret: Secret;
  /** The database's time when it was asked for. Milliseconds since 1970. */
  readonly nowMs: number;
}

/** An access key without its secret half. */
export interface KnownAccessKey extends Omit<AccessKey, 'secret' | 'nowMs'> {
  readonly madeBy: string;
  /** ISO 8601, the database's time. */
  readonly madeAt: string;
  /** Null: it is in force. */
  readonly revokedAt: string | null;
}

/** One read, or one refusal, to be written down. */
export interface Access extends Writer {
  readonly environment: string | null;
  readonly path: string | null;
  readonly version: number | null;
  /** `done`, or the name of the error that is answered. */
  readonly outcome: string;
}

/** The keys of the store, and the record of what was done with them. */
export interface StoreAccess {
  /** *Returns* null for a key that is unknown or revoked. */
  find(keyId: string): Promise<AccessKey | null>;
  /** Resolves once it is written down for good. *Errors* `STORE_UNAVAILABLE`. */
  note(accesses: readonly Access[]): Promise<void>;
}
