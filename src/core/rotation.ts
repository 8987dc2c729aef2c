import type { ErrorCode, ErrorFacts } from './errors.js';
import type { Json } from './json.js';
import type { Plan } from './plan.js';
import type { FinalStatus, Recorded } from './rotation-event.js';

/** Where a rotation stands. `parked` and the first two are open; the rest are ends. */
export type Status = 'running' | 'rolling_back' | 'parked' | FinalStatus;

/** What has become of one step. */
export interface StepState {
  readonly phase: 'idle' | 'intended' | 'open' | 'done' | 'undoing' | 'undone';
  /** Tries in the present direction since it was last resumed or turned round; of a gate, how often it was reopened. */
  readonly attempt: number;
  /** Failed tries since then. */
  readonly failures: number;
  readonly output: Json;
  /** When it may be tried or looked at again. Milliseconds since 1970; 0: at once. */
  readonly dueMs: number;
  /** When the gate opened, or was opened again by a resume. */
  readonly openedMs: number;
  /** When the step was done. */
  readonly doneMs: number;
  /** True once an intent was written. */
  readonly meant: boolean;
  /** True where its effects may exist: it was meant, or a stretch of the journal is lost in which it may have been. */
  readonly touched: boolean;
  /** Why the gate waits, or how the last try failed. */
  readonly last: string;
  /** Since when the target has gone on accepting what this step has destroyed; 0: it has not. Milliseconds since 1970. */
  readonly acceptedMs: number;
}

/** An effect that was meant and whose outcome nobody wrote down, because its executor lost the lease. */
export interface Unsettled {
  readonly step: string;
  readonly epoch: number;
  readonly intendedMs: number;
}

/** The intent now open: its effects may have happened, and nobody has written down how it ended. */
export interface Intent {
  readonly step: string;
  readonly direction: 'do' | 'undo';
  readonly epoch: number;
  readonly atMs: number;
  /** True once it ended in an error that leaves open whether it happened. Only a newer epoch may go on from there. */
  readonly failed: boolean;
}

/** The entry of an era that is newer than the one before it: what the journal says before may not be all. */
export interface Entered {
  /** The executor that entered it. */
  readonly epoch: number;
  readonly atMs: number;
  /** Steps that were done by then and have not been done again since: what they saw may no longer be so. */
  readonly stale: readonly string[];
}

/** An act that is taken back before a person is asked, and what the person is asked. */
export interface TakingBack {
  readonly step: string;
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
}

/** The fold of a rotation's events. */
export interface RotationState {
  readonly plan: Plan;
  readonly seq: number;
  readonly status: Status;
  /** The newest era in which an executor has worked on it. */
  readonly era: number;
  /** Null while it is the one in which it was accepted. */
  readonly entered: Entered | null;
  readonly startedMs: number;
  readonly steps: Readonly<Record<string, StepState>>;
  readonly intent: Intent | null;
  readonly unsettled: readonly Unsettled[];
  /** The epoch up to which the target's fence was raised. 0: never. */
  readonly raisedEpoch: number;
  readonly decision: 'roll-back' | 'destroy' | null;
  readonly takingBack: TakingBack | null;
  /** Why it rolls back or is parked. */
  readonly because: { readonly code: ErrorCode; readonly facts: ErrorFacts } | null;
  readonly replacedValues: number;
  /** The newest command that was taken. */
  readonly commandId: number;
  /** When a person last had it go on. Milliseconds since 1970; 0: never. */
  readonly resumedMs: number;
}

const idle: StepState = {
  phase: 'idle',
  attempt: 0,
  failures: 0,
  output: null,
  dueMs: 0,
  openedMs: 0,
  doneMs: 0,
  meant: false,
  touched: false,
  last: '',
  acceptedMs: 0,
};

const idleAsFarAsKnown: StepState = { ...idle, touched: true };

/** The state of a step; one that has not been reached is idle, as far as the journal knows. */
export function stepState(state: RotationState, step: string): StepState {
  return state.steps[step] ?? (state.entered === null ? idle : idleAsFarAsKnown);
}

/**
 * Until when a consumer may use the new credential after the label has gone back: as long as it is given to move forward, the
 * longest cache that is declared at the least. Milliseconds since 1970; 0: it was never promoted. Destroyed before, it would be
 * refused to whoever rightly holds it.
 */
export function servedUntil(state: RotationState): number {
  const { phase, doneMs } = stepState(state, 'promote');
  if (phase !== 'undone') return 0;
  const { policy, consumers } = state.plan;
  return doneMs + Math.max(policy.graceMs, ...consumers.map((each) => each.cacheTtlMs));
}

/** True until the rotation has ended. A parked one is open. */
export function isOpen(status: Status): boolean {
  return status === 'running' || status === 'rolling_back' || status === 'parked';
}

/** The state after the events, in their order. The first must be `RotationRequested`. */
export function fold(events: readonly Recorded[]): RotationState {
  const [first, ...rest] = events;
  if (first?.event.kind !== 'RotationRequested') throw new TypeError('a journal begins with RotationRequested');
  return rest.reduce(evolve, {
    plan: first.event.plan,
    seq: first.seq,
    status: 'running',
    era: first.event.era ?? 1,
    entered: null,
    startedMs: first.atMs,
    steps: {},
    intent: null,
    unsettled: [],
    raisedEpoch: 0,
    decision: null,
    takingBack: null,
    because: null,
    replacedValues: 0,
    commandId: 0,
    resumedMs: 0,
  });
}

/** The state after one more event. Pure. */
export function evolve(state: RotationState, recorded: Recorded): RotationState {
  return { ...apply(state, recorded), seq: recorded.seq };
}

function apply(state: RotationState, { event, atMs, epoch }: Recorded): RotationState {
  switch (event.kind) {
    case 'RotationRequested':
      throw new TypeError('a journal holds one RotationRequested');
    case 'StepIntended':
      return withStep(intend(state, event.step, 'do', epoch, atMs), event.step, {
        phase: 'intended',
        attempt: event.attempt,
        meant: true,
        touched: true,
      });
    case 'UndoIntended':
      return withStep(intend(state, event.step, 'undo', epoch, atMs), event.step, {
        phase: 'undoing',
        attempt: event.attempt,
      });
    case 'StepDone':
      return withStep(seenAnew(closeIntent(state, event.step, epoch), event.step), event.step, {
        phase: 'done',
        output: event.output,
        doneMs: atMs,
        failures: 0,
        dueMs: 0,
        last: '',
      });
    case 'UndoDone':
      return withStep(closeIntent(state, event.step, epoch), event.step, {
        phase: 'undone',
        doneMs: atMs,
        // What is taken back to be tried again does not get its budget anew with it.
        failures: state.status === 'rolling_back' ? 0 : stepState(state, event.step).failures,
        dueMs: 0,
        last: '',
      });
    case 'StepFailed':
    case 'UndoFailed':
      return withStep(event.certain ? closeIntent(state, event.step, epoch) : failIntent(state), event.step, {
        failures: stepState(state, event.step).failures + 1,
        dueMs: event.retryInMs === null ? 0 : atMs + event.retryInMs,
        last: event.code,
        ...(event.code === 'STILL_ACCEPTED' ? { acceptedMs: stepState(state, event.step).acceptedMs || atMs } : {}),
      });
    case 'GateOpened':
      return withStep(state, event.step, { phase: 'open', openedMs: atMs, dueMs: 0 });
    case 'GateWaiting':
      return withStep(state, event.step, { output: event.facts, dueMs: atMs + event.againInMs, last: event.why });
    case 'GateReopened':
      return reopen(state, event.step, event.why, atMs);
    case 'FenceRaised':
      return { ...state, raisedEpoch: epoch };
    case 'EraEntered':
      return enterEra(state, event.era, { epoch, atMs });
    case 'ValueReplaced':
      return replaceValue(state, event.step);
    case 'RollbackDecided':
      return {
        ...turnRound(state),
        status: 'rolling_back',
        decision: 'roll-back',
        takingBack: null,
        because: { code: event.code, facts: event.facts },
      };
    case 'DestroyDecided':
      return { ...state, decision: 'destroy' };
    case 'TakeBackDecided': {
      const { step, code, facts } = event;
      return { ...withStep(state, event.gate, idle), takingBack: { step, code, facts } };
    }
    case 'Parked':
      return {
        ...state,
        status: 'parked',
        // What cannot be taken back yet is not forgotten by asking about that.
        takingBack: state.takingBack?.code === event.code ? null : state.takingBack,
        because: { code: event.code, facts: event.facts },
      };
    case 'CommandTaken':
      return takeCommand({ ...state, commandId: event.commandId }, atMs);
    case 'RotationClosed':
      return { ...state, status: event.status };
    default:
      return event satisfies never;
  }
}

/**
 * Every step may have been done, or taken back, in what is lost. What was done is done as of now, so that grace, quiet and
 * watch begin again; what was taken back is taken back once more.
 */
function enterEra(state: RotationState, era: number, at: Pick<Entered, 'epoch' | 'atMs'>): RotationState {
  const steps: Record<string, StepState> = {};
  const stale: string[] = [];
  for (const [name, step] of Object.entries(state.steps)) {
    const isDone = step.phase === 'done';
    const isGate = step.phase === 'open' || (isDone && !step.meant);
    if (isDone) stale.push(name);
    steps[name] = {
      ...step,
      phase: step.phase === 'undone' ? 'undoing' : step.phase,
      attempt: isGate ? 0 : step.attempt,
      failures: 0,
      dueMs: 0,
      openedMs: at.atMs,
      doneMs: isDone ? at.atMs : step.doneMs,
      touched: true,
    };
  }
  return { ...state, era, entered: { ...at, stale }, steps };
}

function seenAnew(state: RotationState, step: string): RotationState {
  const { entered } = state;
  if (entered === null) return state;
  return { ...state, entered: { ...entered, stale: entered.stale.filter((each) => each !== step) } };
}

function failIntent(state: RotationState): RotationState {
  return state.intent === null ? state : { ...state, intent: { ...state.intent, failed: true } };
}

/** Only who wrote an intent can say how it ended: a gate that looks, or a raise that failed, leaves an older one open. */
function closeIntent(state: RotationState, step: string, epoch: number): RotationState {
  const { intent } = state;
  return intent !== null && intent.step === step && intent.epoch === epoch ? { ...state, intent: null } : state;
}

/** A newer executor that means the same again leaves the older executor's effect unsettled: it may still happen. */
function intend(
  state: RotationState,
  step: string,
  direction: 'do' | 'undo',
  epoch: number,
  atMs: number,
): RotationState {
  return {
    ...state,
    unsettled: orphaned(state, epoch),
    intent: { step, direction, epoch, atMs, failed: false },
  };
}

/** The unsettled intents, with the open one where another executor than `epoch` wrote it. */
export function orphaned(state: RotationState, epoch: number): readonly Unsettled[] {
  const open = state.intent;
  if (open === null || open.epoch === epoch) return state.unsettled;
  if (state.unsettled.some((each) => each.step === open.step && each.epoch === open.epoch)) return state.unsettled;
  return [...state.unsettled, { step: open.step, epoch: open.epoch, intendedMs: open.atMs }];
}

/** Turning round starts every budget anew, so that what failed forwards may be undone at once. */
function turnRound(state: RotationState): RotationState {
  const steps: Record<string, StepState> = {};
  for (const [name, step] of Object.entries(state.steps)) {
    steps[name] = { ...step, attempt: 0, failures: 0, dueMs: 0 };
  }
  return { ...state, steps };
}

/** The first time it looks again at once; what is stale again has looked too slowly, and looks as often as any gate. */
function reopen(state: RotationState, step: string, why: string, atMs: number): RotationState {
  const now = stepState(state, step);
  // Who let it go on gives it its time anew, as where it was open.
  const isAnew = state.resumedMs > now.openedMs;
  const { attempt, openedMs } = isAnew ? { attempt: 0, openedMs: atMs } : now;
  const dueMs = attempt === 0 ? 0 : atMs + state.plan.policy.pollMs;
  return withStep(state, step, { phase: 'open', attempt: attempt + 1, openedMs, dueMs, last: why });
}

/** The step's intent is closed: it was rejected for certain. `propose` runs again, then the step. */
function replaceValue(state: RotationState, step: string): RotationState {
  const steps = { ...state.steps };
  for (const name of ['propose', step]) {
    steps[name] = { ...stepState(state, name), phase: 'idle', dueMs: 0 };
  }
  return { ...state, intent: null, steps, replacedValues: state.replacedValues + 1 };
}

/** Any command wakes what is parked: in the direction it was going, unless `RollbackDecided` follows. */
function takeCommand(state: RotationState, atMs: number): RotationState {
  if (state.status !== 'parked') return state;
  const steps: Record<string, StepState> = {};
  for (const [name, step] of Object.entries(state.steps)) {
    const anew = step.phase === 'open' ? { openedMs: atMs, attempt: 0 } : {};
    steps[name] = { ...step, failures: 0, dueMs: 0, ...anew };
  }
  return {
    ...state,
    steps,
    resumedMs: atMs,
    status: state.decision === 'roll-back' ? 'rolling_back' : 'running',
    because: state.decision === 'roll-back' ? state.because : null,
  };
}

function withStep(state: RotationState, name: string, change: Partial<StepState>): RotationState {
  return { ...state, steps: { ...state.steps, [name]: { ...stepState(state, name), ...change } } };
}
