import { contextOf } from './context.js';
import type { ErrorCode, ErrorFacts } from './errors.js';
import { missedFacts } from './evidence.js';
import type { Json } from './json.js';
import { naming } from './plan.js';
import type { RotationState, TakingBack } from './rotation.js';
import type { CommandKind, RotationEvent } from './rotation-event.js';
import { isOpen, servedUntil, stepState } from './rotation.js';
import { lostUntilMs, outstanding } from './settle.js';

/** The time, and what people say about the secret, as last read from the database. */
export interface Moment {
  /** The database's time. Milliseconds since 1970. */
  readonly nowMs: number;
  readonly held: boolean;
  readonly waived: readonly string[];
  /** Rises with every change of what a guard reads. */
  readonly guardSeq: number;
  /** When the gate that is judged opened, or was opened again by a resume. */
  readonly openedMs: number;
  /** Since when the target has gone on accepting what this step has destroyed; 0: it has not. */
  readonly acceptedMs: number;
  /** When each step before was done, by name. */
  readonly doneMs: Readonly<Record<string, number>>;
}

/** How a gate judges. */
export type Verdict<Facts extends Json, Output extends Json> =
  | { readonly kind: 'pass'; readonly output: Output; readonly claims?: readonly string[] }
  /** Looks again; `facts` are kept for the next look. */
  | { readonly kind: 'wait'; readonly facts: Facts; readonly why: string; readonly againInMs: number }
  | { readonly kind: 'fail'; readonly code: ErrorCode; readonly facts: ErrorFacts }
  /** `takingBack`: the act that is taken back before a person is asked, so that nobody is kept out until one comes. */
  | { readonly kind: 'park'; readonly code: ErrorCode; readonly facts: ErrorFacts; readonly takingBack?: string };

/** How a guard judges. */
export type GuardVerdict =
  /** Allowed if it is meant between the two, on the database's clock. Milliseconds since 1970. */
  | { readonly kind: 'pass'; readonly notBeforeMs: number; readonly notAfterMs: number }
  /** The facts are too old or no longer true: the gate looks again. */
  | { readonly kind: 'stale'; readonly why: string };

/** What deciding needs to know of a step. */
export type StepShape =
  | {
      readonly kind: 'act';
      readonly name: string;
      readonly touches: readonly ('target' | 'store')[];
      readonly guard?: GuardShape;
    }
  | { readonly kind: 'gate'; readonly name: string; readonly whenBlind: 'undo' | 'park' }
  | {
      readonly kind: 'final';
      readonly name: string;
      readonly touches: readonly ('target' | 'store')[];
      readonly guard: GuardShape;
    };

interface GuardShape {
  readonly gate: string;
  readonly judge: (context: never) => GuardVerdict;
}

/** What deciding needs to know of a workflow. */
export interface WorkflowShape {
  readonly name: string;
  readonly steps: readonly StepShape[];
}

/** A command of a person that may not have been taken yet. */
export interface Command {
  readonly id: number;
  readonly kind: CommandKind;
  readonly by: string;
  readonly reason: string;
}

/** What the executor knows besides the journal. */
export interface Facts {
  /** The epoch it holds, and the era of it. */
  readonly epoch: number;
  readonly era: number;
  readonly nowMs: number;
  readonly held: boolean;
  readonly waived: readonly string[];
  readonly guardSeq: number;
  /** Oldest first. */
  readonly commands: readonly Command[];
  /** When the database refused what a guard had allowed, if that was its last answer. Milliseconds since 1970. */
  readonly refusedMs: number | null;
}

/** The next move, as data. The engine performs it. */
export type Move =
  /** Write these down; nothing happens outside. With `guard`: only if it still holds at the commit. */
  | {
      readonly kind: 'record';
      readonly events: readonly RotationEvent[];
      readonly guard?: { readonly guardSeq: number; readonly notBeforeMs: number; readonly notAfterMs: number };
    }
  /** Lift the target's fence to our epoch, on behalf of this step. */
  | { readonly kind: 'raise'; readonly step: string; readonly direction: 'do' | 'undo' }
  | { readonly kind: 'run'; readonly step: string }
  | { readonly kind: 'undo'; readonly step: string }
  | { readonly kind: 'look'; readonly step: string }
  /** Go on under a newer epoch: what failed under this one may still take effect. */
  | { readonly kind: 'handover' }
  /** Nothing to do until then; null: until somebody rings. */
  | { readonly kind: 'rest'; readonly untilMs: number | null };

/** Decides the next move of a rotation. Pure: the same journal and the same facts give the same move. */
export function decide(workflow: WorkflowShape, state: RotationState, facts: Facts): Move {
  if (!isOpen(state.status)) return { kind: 'rest', untilMs: null };
  const command = facts.commands.find((each) => each.id > state.commandId);
  if (command !== undefined) return takeCommand(state, command);
  if (state.status === 'parked') return { kind: 'rest', untilMs: null };
  if (facts.era > state.era) return record({ kind: 'EraEntered', era: facts.era });
  const stranger = Object.keys(state.steps).find((name) => workflow.steps.every((step) => step.name !== name));
  if (stranger !== undefined) {
    return record({ kind: 'Parked', code: 'UNKNOWN_STEP', facts: { ...naming(state.plan), step: stranger } });
  }
  const raise = raiseFor(workflow, state, facts);
  if (raise !== undefined) {
    const { dueMs } = stepState(state, raise);
    if (dueMs > facts.nowMs) return { kind: 'rest', untilMs: dueMs };
    return { kind: 'raise', step: raise, direction: state.status === 'rolling_back' ? 'undo' : 'do' };
  }
  if (state.status === 'rolling_back') return back(workflow, state, facts);
  return state.takingBack === null ? forth(workflow, state, facts) : takeBack(workflow, state, state.takingBack, facts);
}

function takeCommand(state: RotationState, command: Command): Move {
  const { kind, id, by, reason } = command;
  const taken: RotationEvent = { kind: 'CommandTaken', command: kind, commandId: id, by, reason };
  if (kind === 'resume' || state.decision !== null) return record(taken);
  const code = kind === 'cancel' ? 'CANCELLED' : 'ROLLBACK_ORDERED';
  return record(taken, { kind: 'RollbackDecided', code, facts: { ...naming(state.plan), by } });
}

/**
 * The step on whose behalf the fence must be raised before anything else is done, if any: after a takeover that finds
 * an intent without a result, and before the first undo. Only then is it certain that an older executor's request can
 * no longer take effect at the target.
 */
function raiseFor(workflow: WorkflowShape, state: RotationState, facts: Facts): string | undefined {
  if (!state.plan.capabilities.fence || state.raisedEpoch === facts.epoch) return undefined;
  const atTarget = (step: string): boolean => touches(workflow, step, 'target');
  const older = outstanding(workflow, state, facts.epoch).findLast(
    (each) => each.epoch >= state.raisedEpoch && atTarget(each.step),
  );
  if (older !== undefined) return older.step;
  if (state.status !== 'rolling_back') return undefined;
  return workflow.steps.findLast((step) => stepState(state, step.name).touched && atTarget(step.name))?.name;
}

function forth(workflow: WorkflowShape, state: RotationState, facts: Facts): Move {
  for (const step of workflow.steps) {
    const now = stepState(state, step.name);
    if (now.phase === 'done') continue;
    if (now.dueMs > facts.nowMs) return { kind: 'rest', untilMs: now.dueMs };
    if (step.kind === 'gate') {
      return now.phase === 'open' ? { kind: 'look', step: step.name } : record({ kind: 'GateOpened', step: step.name });
    }
    if (isMine(state, step.name, 'do', facts)) return { kind: 'run', step: step.name };
    if (isMine(state, step.name, 'undo', facts)) return { kind: 'undo', step: step.name };
    if (state.intent?.failed === true && state.intent.epoch === facts.epoch) return { kind: 'handover' };
    // Repeating is harmless where the value is ours. A provider makes another key each time, and an older executor's
    // late answer to "list" would have it delete the newer one; a late "disable" would land on what was switched on
    // again, when the rotation is parked and nobody looks: there the older request must have died first.
    const alone = state.plan.capabilities.origin === 'provider' || takesAway(step);
    const settledMs = Math.max(alone ? settleTime(workflow, state, facts, step.name) : 0, lostUntilMs(step, state));
    if (settledMs > facts.nowMs) return { kind: 'rest', untilMs: settledMs };
    return intend(step, state, facts);
  }
  return close(workflow, state, facts, 'completed');
}

/** Writes the intent of an act or a final, if its guard allows it now. */
function intend(step: Exclude<StepShape, { kind: 'gate' }>, state: RotationState, facts: Facts): Move {
  const events: RotationEvent[] = [];
  if (step.kind === 'final' && state.decision === null) events.push({ kind: 'DestroyDecided' });
  const intended = { kind: 'StepIntended', step: step.name, attempt: stepState(state, step.name).attempt + 1 } as const;
  if (step.guard === undefined) return record(...events, intended);
  const isLost = state.entered?.stale.includes(step.guard.gate) === true;
  const verdict: GuardVerdict = isLost
    ? { kind: 'stale', why: 'the state database has forgotten what came after' }
    : step.guard.judge(contextOf(state, facts, step.guard.gate) as never);
  // The database said that its time is before what the guard relied on: its clock went back.
  const isAhead = verdict.kind === 'pass' && facts.refusedMs !== null && facts.refusedMs < verdict.notBeforeMs;
  if (verdict.kind === 'stale' || isAhead) {
    const why = verdict.kind === 'stale' ? verdict.why : 'the clock went back';
    const { phase, attempt } = stepState(state, step.name);
    // An earlier try may have happened, and the gate may wait or park for as long as it likes: it is taken back first.
    // Not where strangers have it: then it stays as it is, and only a label that is back on it brings it back.
    const half = takesAway(step) && (phase === 'intended' || phase === 'undoing') && state.plan.exposed !== true;
    if (half) return record({ kind: 'UndoIntended', step: step.name, attempt: attempt + 1 });
    const reopened = { kind: 'GateReopened', step: step.guard.gate, why } as const;
    // The gate before a label moves has a limit of its own, and is opened again only where nobody went on for long.
    return step.kind === 'act' && !takesAway(step) ? record(reopened) : lookAgain(state, facts, reopened);
  }
  // Holds and waivers stand in tables that change: who judges the journal later must see what the guard saw.
  events.push({ ...intended, standing: { held: facts.held, guardSeq: facts.guardSeq, waived: facts.waived } });
  return {
    kind: 'record',
    events,
    guard: { guardSeq: facts.guardSeq, notBeforeMs: verdict.notBeforeMs, notAfterMs: verdict.notAfterMs },
  };
}

/** True for a guarded act at the target. A label that moves while both live takes nothing away: it may be repeated, or stay. */
function takesAway(step: StepShape): boolean {
  return step.kind === 'act' && step.guard !== undefined && step.touches.includes('target');
}

/** The gate looks again. One that has had its time and never looks fast enough for its guard waits for a person. */
function lookAgain(
  state: RotationState,
  facts: Facts,
  reopened: Extract<RotationEvent, { kind: 'GateReopened' }>,
): Move {
  const { attempt, openedMs } = stepState(state, reopened.step);
  const { drainMaxMs, watchMs, onDrainMax } = state.plan.policy;
  const isExtended = reopened.step === 'drain' && onDrainMax === 'extend';
  if (attempt === 0 || isExtended || facts.nowMs - openedMs < drainMaxMs + watchMs) return record(reopened);
  const found = { ...naming(state.plan), ...missedFacts(reopened, drainMaxMs) };
  const isOff = reopened.step === 'watch' && state.decision === null && stepState(state, 'disable').phase === 'done';
  if (!isOff || state.plan.exposed === true)
    return record(reopened, { kind: 'Parked', code: 'DRAIN_TIMED_OUT', facts: found });
  return record(reopened, {
    kind: 'TakeBackDecided',
    step: 'disable',
    gate: 'watch',
    code: 'DRAIN_TIMED_OUT',
    facts: found,
  });
}

/** Takes one act back, as on the way back, and then waits for a person. */
function takeBack(
  workflow: WorkflowShape,
  state: RotationState,
  { step, code, facts: found }: TakingBack,
  facts: Facts,
): Move {
  const { phase, doneMs, dueMs, attempt } = stepState(state, step);
  const settledMs = settleTime(workflow, state, facts, step);
  if (phase === 'undone' && doneMs >= settledMs) return record({ kind: 'Parked', code, facts: found });
  if (dueMs > facts.nowMs) return { kind: 'rest', untilMs: dueMs };
  if (isMine(state, step, 'undo', facts)) return { kind: 'undo', step };
  if (state.intent?.failed === true && state.intent.epoch === facts.epoch) return { kind: 'handover' };
  if (phase === 'undone' && settledMs > facts.nowMs) return { kind: 'rest', untilMs: settledMs };
  return record({ kind: 'UndoIntended', step, attempt: attempt + 1 });
}

function back(workflow: WorkflowShape, state: RotationState, facts: Facts): Move {
  for (const step of [...workflow.steps].reverse()) {
    const now = stepState(state, step.name);
    if (step.kind !== 'act' || !now.touched) continue;
    const settledMs = settleTime(workflow, state, facts, step.name);
    if (now.phase === 'undone' && now.doneMs >= settledMs) continue;
    if (now.dueMs > facts.nowMs) return { kind: 'rest', untilMs: now.dueMs };
    if (isMine(state, step.name, 'undo', facts)) return { kind: 'undo', step: step.name };
    if (state.intent?.failed === true && state.intent.epoch === facts.epoch) return { kind: 'handover' };
    // Re-enabling and moving labels back may be done at once and are done again after settling; nothing else may.
    const early = step.guard !== undefined || !step.touches.includes('target');
    const waitMs = early ? 0 : Math.max(settledMs, servedUntil(state));
    const untilMs = now.phase === 'undone' ? settledMs : waitMs;
    if (untilMs > facts.nowMs) return { kind: 'rest', untilMs };
    return record({ kind: 'UndoIntended', step: step.name, attempt: now.attempt + 1 });
  }
  return close(workflow, state, facts, state.because?.code === 'CANCELLED' ? 'cancelled' : 'rolled_back');
}

/** A rotation is over only when nothing that was meant can still happen. */
function close(
  workflow: WorkflowShape,
  state: RotationState,
  facts: Facts,
  status: 'completed' | 'rolled_back' | 'cancelled',
): Move {
  const settledMs = Math.max(0, ...workflow.steps.map((step) => settleTime(workflow, state, facts, step.name)));
  if (settledMs > facts.nowMs) return { kind: 'rest', untilMs: settledMs };
  return record({ kind: 'RotationClosed', status });
}

/**
 * When the last unsettled request of this step can no longer take effect. Milliseconds since 1970; 0: settled.
 * What touches a target that can fence was settled by raising ({@link raiseFor} goes first); time settles the rest.
 */
function settleTime(workflow: WorkflowShape, state: RotationState, facts: Facts, step: string): number {
  const { capabilities, storeSettleMs } = state.plan;
  let latest = 0;
  for (const each of outstanding(workflow, state, facts.epoch)) {
    if (each.step !== step) continue;
    if (touches(workflow, step, 'target'))
      latest = Math.max(latest, capabilities.fence ? 0 : each.intendedMs + capabilities.settleMs);
    if (touches(workflow, step, 'store') && storeSettleMs > 0)
      latest = Math.max(latest, each.intendedMs + storeSettleMs);
  }
  return latest;
}

function touches(workflow: WorkflowShape, name: string, what: 'target' | 'store'): boolean {
  return workflow.steps.some((step) => step.name === name && step.kind !== 'gate' && step.touches.includes(what));
}

function isMine(state: RotationState, step: string, direction: 'do' | 'undo', facts: Facts): boolean {
  const { intent } = state;
  return (
    intent !== null &&
    intent.step === step &&
    intent.direction === direction &&
    intent.epoch === facts.epoch &&
    !intent.failed
  );
}

function record(...events: readonly RotationEvent[]): Move {
  return { kind: 'record', events };
}
