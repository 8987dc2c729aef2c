import type { Connection, Credential, Rotator, RotatorContext } from '../contract/rotator.js';
import type { JudgedTarget } from '../contract/rotator-report.js';
import { type Need, isExclusive } from './obligations/obligation.js';
import type { Witness } from './rotator-witness.js';

/** What the judge of a rotator needs of its author. */
export interface RotatorHarness<Config> {
  readonly rotator: Rotator<Config>;
  /** What the rotator says of the configurations that `begin` gives; it decides which cases apply. */
  readonly capabilities: ReturnType<Rotator<Config>['capabilities']>;
  /** What the cases run against, for the report. */
  readonly target?: JudgedTarget;
  /**
   * What no stage can give because the target has no such thing, and why: `{ hung: 'a folder is no server' }`. The cases
   * that need it do not apply. Default: what a stage does not give has not been tried.
   */
  readonly none?: Partial<Readonly<Record<Need, string>>>;
  /** Sets a target up for one case, with nothing of ours in it: the real one, wherever it can be had. */
  readonly begin: () => Promise<RotatorStage<Config>>;
}

/**
 * A target for one case. What is optional makes further cases possible; those that lack it are named as not run, with
 * what they lack, unless the harness says that there is `none`.
 */
export interface RotatorStage<Config> {
  /** As the rotator's schema gives it. */
  readonly config: Config;
  /** The same, led to where nobody answers. */
  readonly unreachable: Config;
  /** The same, led to a server that takes every connection and never answers. */
  readonly hung?: Config;
  /**
   * Makes something live under this identity, as if somebody else had done it. *Returns* the identity it has, where the
   * target would not take this one.
   */
  readonly plantForeign: (identity: string) => Promise<unknown>;
  /**
   * Makes a credential live as an application has it before Keyturn knows of it: without a tag, at the principal of this
   * secret. It is what `adopted: true` hands over. *Returns* it.
   */
  readonly plantAdopted?: (secret: string) => Promise<Credential>;
  /** Asks the target itself whether something lives under this identity, whoever made it. */
  readonly isThere?: (identity: string) => Promise<boolean>;
  /** Logs in at the target itself, by the credential and without the rotator. *Returns* whether it was let in. */
  readonly accepts?: (credential: Credential) => Promise<boolean>;
  /** Uses the credential for as long as the session lives. Only asked where `capabilities.endsSessions` or `usage`. */
  readonly openSession: (credential: Credential) => Promise<{ readonly isOpen: () => Promise<boolean> }>;
  /**
   * Leads to the same target by a line that carries every request and, from now on, loses the answer to each change.
   * `lost` counts the answers it has lost.
   */
  readonly losingAnswers?: () => Promise<{ readonly config: Config; readonly lost: () => number }>;
  /** Ways to make the target refuse; each gives the configuration with which it then does. */
  readonly refusals?: {
    /** It refuses the value of the next `create`: too short, used before. Only where the value is ours. */
    readonly policy?: () => Promise<Config>;
    /** It refuses *us*: another admin credential, or one without the privilege. */
    readonly authority?: () => Promise<Config>;
    /** It has as many credentials as it takes, one of ours among them. */
    readonly quota?: () => Promise<Config>;
  };
  /** Removes everything, whatever the case did. */
  readonly end: () => Promise<void>;
}

/** One case at work. */
export interface Play<Config> {
  readonly rotator: Rotator<Config>;
  readonly capabilities: RotatorHarness<Config>['capabilities'];
  readonly stage: RotatorStage<Config>;
  readonly connection: Connection;
  /** Lends another connection, to the same target unless told otherwise, as another process would open it. */
  readonly lend: <Result>(config: Config, use: (connection: Connection) => Promise<Result>) => Promise<Result>;
  /** What a call of this rotation is told; later rotations have higher epochs. */
  readonly ctx: (rotationId: string, change?: Partial<RotatorContext>) => RotatorContext;
  /** What `list` showed before the case began: nothing, unless the account is exclusive and keeps keys of its own. */
  readonly listedBefore: ReadonlySet<string>;
  /** Proposes and creates the credential of a rotation. */
  readonly make: (rotationId: string, current?: Credential) => Promise<Credential>;
  /** Plants something of somebody else. *Returns* its identity. */
  readonly plantForeign: (identity: string) => Promise<string>;
  /** Every answer, error and log line of this case, and every value in them. */
  readonly witness: Witness;
  /** Says in the report how the case was approximated. */
  readonly note: (text: string) => void;
}

/** The secret of every case, and another one. */
export const secrets = { ours: 'cases:/ours', other: 'cases:/other' } as const;

/** What a case is played with beside its harness. */
export interface Playing {
  readonly witness: Witness;
  readonly note: (text: string) => void;
}

/** Runs one case on a stage of its own and clears it away. */
export async function play<Config>(
  harness: RotatorHarness<Config>,
  stage: RotatorStage<Config>,
  { witness, note }: Playing,
  act: (on: Play<Config>) => Promise<void>,
): Promise<void> {
  const { rotator, capabilities } = harness;
  witness.learn(stage.config, stage.unreachable, stage.hung);
  const open = (config: Config): Connection => witness.watch(rotator.connect(config));
  const connection = open(stage.config);
  const ctx: Play<Config>['ctx'] = (rotationId, change = {}) => contextOf(rotationId, witness, change);
  const listedBefore = new Set<string>();
  const make: Play<Config>['make'] = async (rotationId, current) =>
    credentialOf(await connection.propose(current ?? null, ctx(rotationId)), async (proposal) =>
      connection.create(proposal, ctx(rotationId)),
    );
  const lend: Play<Config>['lend'] = async (config, use) => {
    const other = open(config);
    try {
      return await use(other);
    } finally {
      await other.close();
    }
  };
  const plantForeign = async (identity: string): Promise<string> => {
    const planted = await stage.plantForeign(identity);
    return typeof planted === 'string' ? planted : identity;
  };
  try {
    if (isExclusive(capabilities) && capabilities.list) {
      for (const { identity } of await connection.list(ctx('r0'))) listedBefore.add(identity);
    }
    const seen = { witness, note, listedBefore };
    await act({ rotator, capabilities, stage, connection, lend, ctx, make, plantForeign, ...seen });
  } finally {
    await connection.close();
    await connection.close();
  }
}

/** What logs in once a proposal was created: the value is whose origin it is. */
export async function credentialOf(
  proposal: Parameters<Connection['create']>[0],
  create: (proposal: Parameters<Connection['create']>[0]) => ReturnType<Connection['create']>,
): Promise<Credential> {
  const { identity, value = proposal.value } = await create(proposal);
  if (value === undefined) throw new TypeError('neither propose nor create gave a value');
  return { identity, value };
}

function contextOf(rotationId: string, witness: Witness, change: Partial<RotatorContext>): RotatorContext {
  return {
    rotationId,
    secret: secrets.ours,
    step: 'case',
    attempt: 1,
    // 'r7' is at epoch 7.
    fence: { era: 1, epoch: Number(/\d+/.exec(rotationId)?.[0] ?? 1), known: false },
    signal: new AbortController().signal,
    deadlineMs: 30_000,
    databaseTimeMs: 0,
    log: witness.log,
    ...change,
  };
}
