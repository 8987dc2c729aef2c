import type { Readable, Writable } from 'node:stream';
import type { Config, SecretConfig } from '../config/config.js';
import type { Finding, Tagged } from '../core/observation.js';
import type { ObligationReport, RotatorReport } from '../contract/rotator-report.js';
import type { KeyturnError } from '../core/errors.js';
import type { PathGrant } from '../core/path-grant.js';
import type { Plan } from '../core/plan.js';
import type { Secret } from '../core/secret.js';
import type { KnownWorkflow } from '../core/history/violation.js';
import type { OrphanLook } from '../engine/orphans.js';
import type { DeliveryLog } from '../ports/delivery-log.js';
import type { HistoryReader } from '../ports/history.js';
import type { Accepted } from '../ports/journal.js';
import type { Operations, Views } from '../ports/operations.js';
import type { Keyring } from '../ports/keyring.js';
import type { ParameterUses } from '../ports/parameter-use.js';
import type { Access, AccessKey, KnownAccessKey, Parameters as ParametersPort } from '../ports/parameters.js';
import type { AgentRequest } from './agent-options.js';

/** Where a command looks for its configuration and its database. */
export interface Where {
  /** `--config`; undefined: `KEYTURN_CONFIG`, then `keyturn.config.ts|js|mjs` in the working folder. */
  readonly config: string | undefined;
  /** `--data`: the folder of `keyturn up`, which tells where its database is. */
  readonly data: string;
}

/** What a command reads and writes. */
export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** True where a person is looking at stdout. */
  readonly isInteractive: boolean;
  /** True where this descriptor is a terminal. */
  readonly isTerminal: (fd: number) => boolean;
  /** Settles when the process is asked to end (SIGINT, SIGTERM). */
  readonly interrupted: AbortSignal;
  /** True once it was asked to end. Unlike {@link interrupted} this does not begin to listen. */
  readonly wasInterrupted: () => boolean;
}

/** The state database, opened for a command. */
export interface State {
  readonly views: Views;
  readonly operations: Operations;
  readonly deliveries: DeliveryLog;
  /** As `Operations.hold`, also before any worker has started with this configuration. */
  hold(secret: SecretConfig, hold: Omit<Parameters<Operations['hold']>[0], 'secret'>): ReturnType<Operations['hold']>;
  /** Writes a rotation and what rings for it in one transaction. */
  accept(plan: Plan, claims: readonly string[]): Promise<Accepted>;
  /** Rings for a rotation now. *Errors* `QUEUE_UNAVAILABLE`; the sweep finds the rotation all the same. */
  ring(rotationId: string): Promise<void>;
  /** A new id for a rotation: sorts by time. */
  newRotationId(): string;
  close(): Promise<void>;
}

/** The parameters of one environment, opened for a command. */
export interface OpenStore {
  readonly environment: string;
  readonly parameters: ParametersPort;
  /** The paths of the secrets under management: rotations alone write them. */
  managed(): Promise<ReadonlySet<string>>;
  /** The open rotation of a secret under management; null: none is. */
  openRotation(path: string): Promise<string | null>;
  /** What the record of accesses says of the parameters. */
  readonly uses: ParameterUses;
  /** Seals what leaves as a file. */
  readonly keyring: Pick<Keyring, 'keyId' | 'seal' | 'open'>;
  /** Resolves once it is written down for good. *Errors* `STORE_UNAVAILABLE`. */
  note(accesses: readonly Access[]): Promise<void>;
  close(): Promise<void>;
}

/** Credentials with our tag that nothing explains. */
export interface Orphans {
  /** *Errors* those of the target and the store. */
  look(secret: SecretConfig): Promise<OrphanLook>;
  /** *Errors* `UNKNOWN_ENVIRONMENT`, `UNKNOWN_SECRET`, `NO_ORPHAN`, `NOT_OURS`, and those of the target. */
  destroy(orphan: {
    readonly environment: string;
    readonly path: string;
    readonly identity: string;
    readonly by: string;
    readonly reason: string;
  }): Promise<Tagged>;
  close(): Promise<void>;
}

/** What is judged, and by which workflows. */
export interface History {
  readonly reader: HistoryReader;
  readonly workflows: readonly KnownWorkflow[];
  close(): Promise<void>;
}

/** Something that works until it is stopped. */
export interface Running {
  /** Where `/livez`, `/readyz` and `/metrics` answer; null: nowhere. */
  readonly healthUrl: string | null;
  /** Finishes the effect in hand and releases the leases. */
  stop(): Promise<void>;
}

/** Where the store is served by the wire protocol of SSM. */
export interface StoreListen {
  readonly address: string;
  /** 0: any free one. */
  readonly port: number;
  /** Files in PEM; null: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** True: plain HTTP also where others could listen in. */
  readonly plain: boolean;
}

/** What is served, and where; null: not. */
export interface Serve {
  readonly store: StoreListen | null;
  /** Where consumers send acks; 0: any free one. */
  readonly acksPort: number | null;
}

/** What is served, until it is stopped. */
export interface Serving {
  /** `http://127.0.0.1:4583`; null: nowhere. */
  readonly storeUrl: string | null;
  /** `http://127.0.0.1:9465/v1/acks`; null: nowhere. */
  readonly acksUrl: string | null;
  /** Answers what is in work and ends. */
  stop(): Promise<void>;
}

/** The agent of an application, at work until it is stopped. */
export interface RunningAgent {
  /** `http://127.0.0.1:8091`; null: it answers no challenge. */
  readonly challengesUrl: string | null;
  /** Ends; the file stays as it is. */
  stop(): Promise<void>;
}

/** A new access key for the store. */
export interface NewToken {
  readonly environment: string;
  /** Who it is for; undefined: a name made of the key. */
  readonly principal: string | undefined;
  readonly grants: readonly PathGrant[];
  readonly requestsPerSecond: number;
  readonly by: string;
}

/** An access key as it is shown once. */
export type MadeAccessKey = Omit<AccessKey, 'nowMs'>;

/** What `keyturn up` has made, for the person to read. */
export interface Up extends Running, Pick<Serving, 'storeUrl' | 'acksUrl'> {
  readonly configFile: string;
  /** Files it has made, because they were not there. */
  readonly made: readonly string[];
  /** True where PostgreSQL is its own. */
  readonly isEmbedded: boolean;
  /** Settles with the error when its own PostgreSQL has ended by itself. Never rejects. */
  readonly broken: Promise<KeyturnError>;
}

/** One thing `keyturn doctor` looked at. */
export interface Check {
  readonly check: string;
  /** Empty: it is well, or was not looked at. */
  readonly findings: readonly Finding[];
  /** Why it was not looked at. Absent where it was. */
  readonly skipped?: string;
  /** How Keyturn is configured could not be read, so that every other command answers with exit code 2. Absent: it could. */
  readonly isUnreadable?: true;
}

/** Told what is being done, for a progress display. */
export type Progress = (doing: string) => void;

/** What the composition root hands to the commands. Nothing is opened before it is asked for. */
export interface Doors {
  readonly terminal: Terminal;
  /** Of this package: `0.1.0`. */
  readonly version: string;
  /** Who is asking: `local:<os user>`. */
  readonly principal: string;
  /** The environment this process was given, as it was before anything was set in it. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Where the configuration is, or would be: absolute. */
  configFile(where: Where): string;
  /** *Errors* those of `loadConfig`. */
  config(where: Where): Promise<Config>;
  /**
   * Opens the state database. `acceptMoved` opens a copied one as well, for `keyturn restored`.
   * *Errors* `SETTING_MISSING`, `STATE_UNAVAILABLE`, `DATABASE_UNMIGRATED`, `DATABASE_MOVED`.
   */
  state(where: Where, options?: { readonly acceptMoved: boolean }): Promise<State>;
  /**
   * Opens the parameters of an environment, whose store is the built-in one.
   * *Errors* those of {@link Doors.state}, `UNKNOWN_ENVIRONMENT`, and those of the keyring.
   */
  store(where: Where, environment: string): Promise<OpenStore>;
  /** Opens the state database to read histories; of a copy as well, because judging changes nothing. */
  history(where: Where): Promise<History>;
  /**
   * Puts the first version of a secret and labels it `current`.
   * *Errors* `VERSION_EXISTS` where it has one, `ROTATION_OPEN`, `VALUE_UNFIT`, and those of the keyring.
   */
  putFirst(
    where: Where,
    put: { readonly config: Config; readonly secret: SecretConfig; readonly value: Secret },
  ): Promise<{ readonly version: number }>;
  /**
   * Seals everything under the master key of the configuration that is still under the one before. *Repeat*: goes on
   * where it broke off. *Errors* `USAGE` where no key before is named, `PRIVILEGE_MISSING`, and those of the keyring.
   */
  rewrap(where: Where, options: { readonly tell: (moved: number) => void }): Promise<Rewrapped>;
  /** Brings the state database and the queue to this version. *Repeat*: harmless. */
  migrate(where: Where, options: { readonly appRole: string | undefined }): Promise<void>;
  worker(where: Where, options: WorkerOptions): Promise<Running>;
  up(where: Where, options: WorkerOptions & Serve & { readonly progress: Progress }): Promise<Up>;
  /** *Errors* `ADDRESS_IN_USE`, `SETTING_INVALID`, and those of state and keyring. */
  serve(where: Where, what: Serve): Promise<Serving>;
  /** Reads from the store that it is told of, and from no database. *Errors* `SETTING_INVALID`, `SETTING_MISSING`. */
  agent(request: AgentRequest): Promise<RunningAgent>;
  /**
   * Brings the file to what is current, once. `signal` ends it early, which is `AGENT_FAILED`. *Errors* `AGENT_FAILED`, and
   * those of {@link Doors.agent}.
   */
  agentOnce(request: AgentRequest, signal: AbortSignal): Promise<void>;
  makeToken(where: Where, token: NewToken): Promise<MadeAccessKey>;
  /** The newest first. */
  tokens(where: Where): Promise<readonly KnownAccessKey[]>;
  /** *Errors* `UNKNOWN_TOKEN`. */
  revokeToken(
    where: Where,
    token: { readonly keyId: string; readonly by: string; readonly reason: string },
  ): Promise<void>;
  /**
   * One check after the other; a check that cannot be made is a finding. Changes nothing, but for a parameter that nobody
   * reads where `tryPut` is said.
   */
  examine(where: Where, options: { readonly tryPut: boolean }): AsyncIterable<Check>;
  /** Opens state, store and targets to look for orphans. *Errors* those of {@link Doors.state} and the keyring. */
  orphans(where: Where): Promise<Orphans>;
  /**
   * Names what the folder of a package holds. Reads its files and loads none of them.
   * *Errors* `ROTATOR_UNFIT` where it cannot be read, or is larger than a package may be.
   */
  rotatorIntegrity(path: string): Promise<string>;
  /** Judges a rotator by every obligation of the contract. `harness` is what its author's module exports. */
  judge(harness: unknown, options: { readonly tell: (report: ObligationReport) => void }): Promise<RotatorReport>;
  /** Makes a master key. *Errors* `KEY_FILE_INVALID` where there is a file already. */
  makeKeyFile(path: string): Promise<void>;
  /** *Returns* its exit code. */
  demo(options: { readonly json: boolean; readonly store: 'built-in' | 'ssm' }): Promise<number>;
}

/** What `keyturn store rewrap` has done. */
export interface Rewrapped {
  /** Values that are under the new master key now and were not before. */
  readonly moved: number;
  /** Values that neither key opens, by their table and row. */
  readonly unopened: readonly string[];
}

/** How a worker works. */
export interface WorkerOptions {
  /** Rotations at one time. */
  readonly concurrency: number;
  /** Null: no health server. */
  readonly healthPort: number | null;
}
