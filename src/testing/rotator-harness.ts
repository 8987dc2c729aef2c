import type { Connection, Credential, Rotator, RotatorContext } from '../contract/rotator.js';

/** What {@link rotatorCases} need of the author of a rotator. */
export interface RotatorHarness<Config> {
  readonly rotator: Rotator<Config>;
  /** What the rotator says of the configurations that `begin` gives; it decides which cases apply. */
  readonly capabilities: ReturnType<Rotator<Config>['capabilities']>;
  /** Sets a real target up for one case, with nothing of ours in it. */
  readonly begin: () => Promise<RotatorStage<Config>>;
}

/** A target for one case. */
export interface RotatorStage<Config> {
  /** As the rotator's schema gives it. */
  readonly config: Config;
  /** The same, led to where nobody answers. */
  readonly unreachable: Config;
  /** Makes something live under this identity, as if somebody else had done it. */
  readonly plantForeign: (identity: string) => Promise<void>;
  /** Uses the credential for as long as the session lives. Only asked where `capabilities.endsSessions`. */
  readonly openSession: (credential: Credential) => Promise<{ readonly isOpen: () => Promise<boolean> }>;
  /** Removes everything, whatever the case did. */
  readonly end: () => Promise<void>;
}

/** One obligation, for any test runner. */
export interface RotatorCase {
  /** States a fact, for the name of a test. */
  readonly name: string;
  /** Rejects where the obligation is not met. */
  readonly run: () => Promise<void>;
}

/** One case at work. */
export interface Play<Config> {
  readonly stage: RotatorStage<Config>;
  readonly connection: Connection;
  /** Lends a connection to where nobody answers. */
  readonly elsewhere: (use: (connection: Connection) => Promise<void>) => Promise<void>;
  /** What a call of this rotation is told; later rotations have higher epochs. */
  readonly ctx: (rotationId: string, change?: Partial<RotatorContext>) => RotatorContext;
  /** Proposes and creates the credential of a rotation. */
  readonly make: (rotationId: string, current?: Credential) => Promise<Credential>;
}

/** The secret of every case, and another one. */
export const secrets = { ours: 'cases:/ours', other: 'cases:/other' } as const;

/** Runs one case on a stage of its own and clears it away. */
export async function play<Config>(
  { rotator, begin }: RotatorHarness<Config>,
  act: (on: Play<Config>) => Promise<void>,
): Promise<void> {
  const stage = await begin();
  const connection = rotator.connect(stage.config);
  const ctx = (rotationId: string, change: Partial<RotatorContext> = {}): RotatorContext =>
    contextOf(rotationId, change);
  const make = async (rotationId: string, current?: Credential): Promise<Credential> => {
    const proposal = await connection.propose(current ?? null, ctx(rotationId));
    const created = await connection.create(proposal, ctx(rotationId));
    const value = created.value ?? proposal.value;
    if (value === undefined) throw new TypeError('neither propose nor create gave a value');
    return { identity: created.identity, value };
  };
  const elsewhere: Play<Config>['elsewhere'] = async (use) => {
    const other = rotator.connect(stage.unreachable);
    try {
      await use(other);
    } finally {
      await other.close();
    }
  };
  try {
    await act({ stage, connection, elsewhere, ctx, make });
  } finally {
    await connection.close();
    await connection.close();
    await stage.end();
  }
}

const silent = { debug: (): void => {}, warn: (): void => {} };

function contextOf(rotationId: string, change: Partial<RotatorContext>): RotatorContext {
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
    log: silent,
    ...change,
  };
}
