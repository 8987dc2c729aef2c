import type { Workflow } from '../contract/workflow.js';
import { contextOf } from '../core/context.js';
import { type Move, decide } from '../core/decide.js';
import type { ErrorCode, ErrorFacts } from '../core/errors.js';
import { type FenceToken, isRewound } from '../core/fence.js';
import { findNonJson } from '../core/json.js';
import { onError, onVerdict, saysNothingNew } from '../core/outcome.js';
import { naming } from '../core/plan.js';
import type { Status } from '../core/rotation.js';
import type { RotationEvent } from '../core/rotation-event.js';
import { stepState } from '../core/rotation.js';
import { type Work, request } from './request.js';
import { type StepOutcome, lookStep, raiseFence, runStep, undoStep } from './run-step.js';
import { Session } from './session.js';

/** What an executor is told. */
export interface AdvanceOptions {
  /** Names this worker in lease and audit. */
  readonly holder: string;
  /** How long the lease lasts without being renewed. Milliseconds. */
  readonly leaseMs: number;
  /** Every workflow this version knows, every number of it. */
  readonly workflows: readonly Workflow[];
}

/** How a wakeup ended. */
export type Advanced =
  /** It waits; `againInMs` null: until somebody rings. */
  | { readonly kind: 'rests'; readonly status: Status; readonly againInMs: number | null }
  /** Another executor works on it, or the target has no place; ring again then. */
  | { readonly kind: 'refused'; readonly againInMs: number }
  /** The lease went to another executor. Nothing was compensated. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'unknown-rotation' };

/** Moves in one wakeup after which the lease is given back, so that no rotation can spin for ever. */
const MAX_MOVES = 200;

/** How soon a rotation is looked at again whose executor died right after a commit. Its lease ends first. */
const CRASH_DUE_IN_MS = 1_000;

/**
 * Takes a rotation as far as it goes now: reads its journal, decides, writes the intent, performs, writes the outcome,
 * and goes on until it waits or ends. It may be abandoned at any `yield`, which is what a crash is.
 */
export function* advance(rotationId: string, options: AdvanceOptions): Work<Advanced> {
  const lease = yield* request('leases', 'acquire', { rotationId, holder: options.holder, ttlMs: options.leaseMs });
  if (lease.kind === 'unknown-rotation') return { kind: 'unknown-rotation' };
  if (lease.kind !== 'granted') return { kind: 'refused', againInMs: lease.againInMs };
  const loaded = yield* request('journal', 'load', rotationId);
  if (loaded === null) return { kind: 'unknown-rotation' };
  const session = new Session(loaded, lease.fence);
  const advanced = yield* drive(session, options);
  if (advanced.kind !== 'lost') yield* request('leases', 'release', { secret: lease.secret, epoch: lease.fence.epoch });
  return advanced;
}

function* drive(session: Session, { workflows }: AdvanceOptions): Work<Advanced> {
  const { plan } = session.state;
  const workflow = workflows.find((each) => each.name === plan.workflow.name && each.number === plan.workflow.number);
  for (let moves = 0; moves < MAX_MOVES; moves += 1) {
    const move = workflow === undefined ? unknownWorkflow(session) : decide(workflow, session.state, session.facts);
    if (move.kind === 'record') {
      session.record(move.events, move.guard);
      continue;
    }
    if (move.kind === 'rest' || move.kind === 'handover' || workflow === undefined) return yield* rest(session, move);
    const committed = session.hasPending ? yield* commit(session, CRASH_DUE_IN_MS) : 'committed';
    if (committed === 'lost') return { kind: 'lost' };
    if (committed !== 'committed') continue;
    const went = yield* perform(session, workflow, move);
    if (went === 'lost') return { kind: 'lost' };
    if (typeof went === 'object') return yield* rest(session, went);
    if (yield* request('process', 'stopping')) break;
  }
  return yield* rest(session, { kind: 'handover' });
}

/** A workflow this version does not know: its rotation waits for a worker that does. */
function unknownWorkflow(session: Session): Move {
  const { status, plan } = session.state;
  if (status !== 'running' && status !== 'rolling_back') return { kind: 'rest', untilMs: null };
  const facts = { ...naming(plan), step: `${plan.workflow.name} ${plan.workflow.number}` };
  return { kind: 'record', events: [{ kind: 'Parked', code: 'UNKNOWN_STEP', facts }] };
}

function* rest(session: Session, move: Move): Work<Advanced> {
  const untilMs = move.kind === 'rest' ? move.untilMs : session.facts.nowMs;
  const againInMs = untilMs === null ? null : Math.max(0, untilMs - session.facts.nowMs);
  const committed = session.hasPending || againInMs !== null ? yield* commit(session, againInMs) : 'committed';
  if (committed === 'lost') return { kind: 'lost' };
  // What was refused as stale or claimed is looked at again at once, under a new epoch.
  return { kind: 'rests', status: session.state.status, againInMs: committed === 'committed' ? againInMs : 0 };
}

function* commit(session: Session, dueInMs: number | null): Work<'committed' | 'stale' | 'claimed' | 'lost'> {
  return session.settle(yield* request('journal', 'append', session.batch(dueInMs)));
}

/** What a move has come to: recorded, nothing to record before then, or the lease is lost. */
type Went = 'done' | 'lost' | Extract<Move, { kind: 'rest' }>;

/** Does what was decided and records what became of it. */
function* perform(
  session: Session,
  workflow: Workflow,
  move: Exclude<Move, { kind: 'record' | 'rest' | 'handover' }>,
): Work<Went> {
  const { state, fence } = session;
  const direction = move.kind === 'undo' || (move.kind === 'raise' && move.direction === 'undo') ? 'undo' : 'do';
  const step = workflow.steps.find((each) => each.name === move.step);
  if (step === undefined) throw new TypeError(`decided on ${move.step}, which ${workflow.name} does not have`);
  const context = contextOf(state, session.facts, move.step);
  const authority = {
    plan: state.plan,
    step: move.step,
    attempt: stepState(state, move.step).attempt,
    fence,
    nowMs: session.facts.nowMs,
  };
  const scope = { context, authority, state: stepState(state, move.step) };
  let outcome: StepOutcome;
  switch (move.kind) {
    case 'raise':
      outcome = yield* raiseFence(scope);
      break;
    case 'undo':
      outcome = yield* undoStep(step, scope);
      break;
    case 'look':
      outcome = yield* lookStep(step, scope);
      break;
    case 'run':
      outcome = yield* runStep(step, scope);
      break;
    default:
      move satisfies never;
      return 'lost';
  }
  return yield* recordOutcome(session, workflow, { step: move.step, direction }, outcome);
}

function* recordOutcome(
  session: Session,
  workflow: Workflow,
  at: { readonly step: string; readonly direction: 'do' | 'undo' },
  outcome: StepOutcome,
): Work<Went> {
  switch (outcome.kind) {
    case 'raised':
      session.record([{ kind: 'FenceRaised' }]);
      return 'done';
    case 'judged':
      if (outcome.verdict.kind === 'wait' && saysNothingNew(session.state, at.step, outcome.verdict)) {
        return { kind: 'rest', untilMs: session.facts.nowMs + outcome.verdict.againInMs };
      }
      if (outcome.verdict.kind === 'pass') session.claim(outcome.verdict.claims ?? []);
      session.record(onVerdict(session.state, at.step, outcome.verdict, outcome.tookMs));
      return 'done';
    case 'undone':
      session.record([{ kind: 'UndoDone', step: at.step, tookMs: outcome.tookMs }]);
      return 'done';
    case 'ran': {
      const path = findNonJson(outcome.output);
      if (path !== undefined) {
        session.record(onError(workflow, session.state, at, { code: 'OUTPUT_NOT_JSON', facts: { path } }));
        return 'done';
      }
      session.seal(outcome.sealed);
      session.record([{ kind: 'StepDone', step: at.step, output: outcome.output, tookMs: outcome.tookMs }]);
      return 'done';
    }
    case 'failed': {
      const events = yield* eventsOf(session, workflow, at, outcome);
      if (events === 'lost') return 'lost';
      session.record(events);
      return 'done';
    }
    default:
      return outcome satisfies never;
  }
}

/**
 * A refusal by the fence means that a newer executor was at the target, or that our database is older than it was.
 * Only the database can tell which: the first is "you lost", the second stops everything.
 */
function* eventsOf(
  session: Session,
  workflow: Workflow,
  at: { readonly step: string; readonly direction: 'do' | 'undo' },
  { code, facts }: { readonly code: ErrorCode; readonly facts: ErrorFacts },
): Work<readonly RotationEvent[] | 'lost'> {
  if (code === 'LEASE_LOST' || code === 'STORE_STALE') return 'lost';
  if (code !== 'STALE_EPOCH') return onError(workflow, session.state, at, { code, facts });
  const stored: FenceToken = { era: Number(facts['storedEra'] ?? 0), epoch: Number(facts['storedEpoch'] ?? 0) };
  const newest = yield* request('leases', 'newest');
  if (!isRewound(stored, newest)) return 'lost';
  return onError(workflow, session.state, at, { code: 'DATABASE_REWOUND', facts });
}
