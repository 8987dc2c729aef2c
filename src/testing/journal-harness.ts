import { derive } from '../core/derive.js';
import type { Plan } from '../core/plan.js';
import { defaultPolicy } from '../core/policy.js';
import { type RotationState, fold } from '../core/rotation.js';
import type { RotationEvent } from '../core/rotation-event.js';
import type { Append, Appended, Async, Journal, Lease, Leases, RotationIntake } from '../ports/journal.js';
import type { Operations, SweepQueries } from '../ports/operations.js';

/** What {@link journalCases} needs of an implementation, empty before each case. */
export interface JournalHarness {
  readonly journal: Async<Journal>;
  readonly intake: Async<RotationIntake>;
  readonly leases: Async<Leases>;
  readonly operations: Operations;
  readonly sweep: Pick<SweepQueries, 'unattended'>;
  /** Lets this much of the database's time pass, at once. Milliseconds. */
  pass(ms: number): Promise<void> | void;
  /** Bounds the rotations at work on a target at one time. */
  bound(target: {
    readonly environment: string;
    readonly target: string;
    readonly concurrency: number;
  }): Promise<void> | void;
  /** The slots sealed for a rotation now, sorted. */
  sealedSlots(rotationId: string): Promise<readonly string[]> | readonly string[];
}

/** One obligation, for any test runner. */
export interface JournalCase {
  /** A fact, in the present. */
  readonly name: string;
  /** Resolves where it holds and throws where it does not. */
  run(harness: JournalHarness): Promise<void>;
}

/** A lease that was granted. */
export type Granted = Extract<Lease, { kind: 'granted' }>;

/** A commit that went through. */
export type Committed = Extract<Appended, { kind: 'appended' }>;

/** How long leases of the cases last. Milliseconds. */
export const ttlMs = 60_000;

/** A plan on secret `prod:/<name>`, whose rotation is named `<name>-1` unless told otherwise. */
export function planFor(
  name: string,
  { rotationId = `${name}-1`, target = 'main' }: { readonly rotationId?: string; readonly target?: string } = {},
): Plan {
  return {
    rotationId,
    environment: 'prod',
    path: `/${name}`,
    secret: `prod:/${name}`,
    workflow: { name: 'staged-rotation', number: 1 },
    target,
    rotator: 'random',
    principal: `${name}_owner`,
    config: {},
    capabilities: {
      overlap: 'two-live',
      origin: 'ours',
      fence: true,
      disable: true,
      usage: true,
      endsSessions: true,
      list: true,
      settleMs: 0,
    },
    storeSettleMs: 0,
    fields: { identity: 'username', value: 'password' },
    policy: defaultPolicy,
    consumers: [],
    trigger: 'demand',
    reason: 'a case',
    requestedBy: 'local:case',
    repair: false,
    adopted: false,
  };
}

/** An executor of one rotation: it remembers the lease and the state, so that a case says only what it is about. */
export class Executor {
  private constructor(
    private readonly harness: JournalHarness,
    readonly lease: Granted,
    private state: RotationState,
  ) {}

  /** Accepts the plan if its rotation is not there yet, takes the lease and loads. */
  static async start(harness: JournalHarness, plan: Plan, holder = 'worker-1'): Promise<Executor> {
    if ((await harness.journal.load(plan.rotationId)) === null) await harness.intake.accept(plan, [plan.secret]);
    const lease = await harness.leases.acquire({ rotationId: plan.rotationId, holder, ttlMs });
    if (lease.kind !== 'granted') throw new Error(`the lease was not granted: ${lease.kind}`);
    return new Executor(harness, lease, await foldOf(harness, plan.rotationId));
  }

  /** The same executor as it stands now, writing through another journal. */
  through(journal: Async<Journal>): Executor {
    return new Executor({ ...this.harness, journal }, this.lease, this.state);
  }

  /** Appends at the sequence it knows, under its epoch, and goes on from there where that went through. */
  async append(events: readonly RotationEvent[], more: Partial<Append> = {}): Promise<Appended> {
    const { state, derived } = derive(this.state, events, this.lease.fence.epoch);
    const appended = await this.harness.journal.append({
      rotationId: this.state.plan.rotationId,
      epoch: this.lease.fence.epoch,
      expectedSeq: this.state.seq,
      events,
      derived,
      sealed: [],
      dueInMs: derived.closed === null ? 0 : null,
      ...more,
    });
    if (appended.kind === 'appended') this.state = state;
    return appended;
  }

  /** The same, where anything but a commit fails the case. */
  async commit(events: readonly RotationEvent[], more: Partial<Append> = {}): Promise<Committed> {
    const appended = await this.append(events, more);
    if (appended.kind !== 'appended') throw new Error(`the commit was refused: ${appended.kind}`);
    return appended;
  }
}

async function foldOf(harness: JournalHarness, rotationId: string): Promise<RotationState> {
  const loaded = await harness.journal.load(rotationId);
  if (loaded === null) throw new Error(`there is no rotation ${rotationId}`);
  return fold(loaded.events);
}
