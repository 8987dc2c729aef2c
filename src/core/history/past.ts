import type { StepShape } from '../decide.js';
import type { Plan } from '../plan.js';
import type { Recorded } from '../rotation-event.js';
import { field, numberIn } from './journaled-value.js';
import type { KnownWorkflow } from './violation.js';

/** What a journal has said of one step so far. */
export interface PastStep {
  readonly shape: StepShape;
  /** Its place in the workflow. */
  readonly place: number;
  phase: 'idle' | 'intended' | 'open' | 'done' | 'undoing' | 'undone';
  /** The number of the last try, in either direction. */
  attempt: number;
  touched: boolean;
  output: unknown;
  /** When it was done or undone last; 0: never. */
  endedMs: number;
  doneSeq: number;
  openedMs: number;
  /** When a session with the old identity was seen to be opened last, over all looks of this gate. */
  sessionMs: number;
}

/** An effect that was meant. */
export interface PastIntent {
  readonly step: string;
  readonly direction: 'do' | 'undo';
  readonly epoch: number;
  readonly atMs: number;
  /** It ended in an error that leaves open whether it happened. */
  failed: boolean;
}

/**
 * What a journal says up to one of its events. Written anew rather than taken from `evolve`, so that a fault there is
 * not believed by the judge of it.
 */
export class Past {
  readonly steps = new Map<string, PastStep>();
  readonly order: readonly PastStep[];
  status: 'running' | 'rolling_back' | 'parked' | 'closed' = 'running';
  decision: 'roll-back' | 'destroy' | null = null;
  /** The act that is being taken back before a person is asked, and what is to be asked. */
  takingBack: { readonly step: string; readonly asks: string } | null = null;
  /** Why it turned back. */
  turnedFor = '';
  intent: PastIntent | null = null;
  /** Effects whose executor went away before it wrote down how they ended. */
  readonly unsettled: PastIntent[] = [];
  raisedEpoch = 0;
  era = 1;
  /** The entry of a newer era than before it: anything of the workflow may have happened in what is lost. */
  entered: { readonly epoch: number; readonly atMs: number; readonly seq: number } | null = null;
  replacedValues = 0;
  commandId = 0;
  closedMs: number | null = null;
  claimedMs: number | null = null;

  constructor(
    readonly plan: Plan,
    readonly workflow: KnownWorkflow,
    readonly requestedMs: number,
    /** Of `HistoryOptions`. */
    readonly slackMs: number,
  ) {
    this.order = workflow.steps.map((shape, place) => ({
      shape,
      place,
      phase: 'idle',
      attempt: 0,
      touched: false,
      output: undefined,
      endedMs: 0,
      doneSeq: 0,
      openedMs: 0,
      sessionMs: 0,
    }));
    for (const step of this.order) this.steps.set(step.shape.name, step);
  }

  /** What a step has handed on; undefined where it is not done. */
  output(name: string): unknown {
    const step = this.steps.get(name);
    return step?.phase === 'done' ? step.output : undefined;
  }

  touches(name: string, what: 'target' | 'store'): boolean {
    const shape = this.steps.get(name)?.shape;
    return shape !== undefined && shape.kind !== 'gate' && shape.touches.includes(what);
  }

  /** The unsettled effects, with the open one where another executor than `epoch` meant it. */
  left(epoch: number): readonly PastIntent[] {
    const { intent, unsettled } = this;
    if (intent === null || intent.epoch === epoch) return unsettled;
    if (unsettled.some((each) => each.step === intent.step && each.epoch === intent.epoch)) return unsettled;
    return [...unsettled, intent];
  }

  /** Until when what is lost may still happen in a step. As of {@link mayHappenUntilMs}; 0: nothing is lost. */
  lostUntilMs(step: string): number {
    if (this.entered === null) return 0;
    const { epoch, atMs } = this.entered;
    return this.mayHappenUntilMs({ step, direction: 'do', epoch: epoch - 1, atMs, failed: false });
  }

  /** True where the target has been told that nothing older than now may be done. */
  isFenced(intent: PastIntent): boolean {
    return this.raisedEpoch > intent.epoch;
  }

  /** Until when an unsettled effect may still happen. Milliseconds since 1970; Infinity: until the fence is raised. */
  mayHappenUntilMs(intent: PastIntent): number {
    const { capabilities, storeSettleMs } = this.plan;
    let latest = 0;
    if (this.touches(intent.step, 'target')) {
      if (!capabilities.fence) latest = intent.atMs + capabilities.settleMs;
      else if (!this.isFenced(intent)) latest = Number.POSITIVE_INFINITY;
    }
    if (storeSettleMs > 0 && this.touches(intent.step, 'store')) latest = Math.max(latest, intent.atMs + storeSettleMs);
    return latest;
  }

  /** Takes one more event in, whether or not it should have been. */
  take({ seq, atMs, epoch, event }: Recorded): void {
    const step = 'step' in event ? this.steps.get(event.step) : undefined;
    switch (event.kind) {
      case 'RotationRequested':
      case 'DestroyDecided':
        if (event.kind === 'DestroyDecided') this.decision = 'destroy';
        return;
      case 'StepIntended':
      case 'UndoIntended': {
        const direction = event.kind === 'StepIntended' ? 'do' : 'undo';
        this.#mean({ step: event.step, direction, epoch, atMs, failed: false });
        if (step === undefined) return;
        step.phase = direction === 'do' ? 'intended' : 'undoing';
        step.attempt = event.attempt;
        if (direction === 'do') step.touched = true;
        return;
      }
      case 'StepDone':
      case 'UndoDone':
        if (this.intent?.step === event.step && this.intent.epoch === epoch) this.intent = null;
        if (step === undefined) return;
        step.phase = event.kind === 'StepDone' ? 'done' : 'undone';
        step.endedMs = atMs;
        if (event.kind === 'UndoDone') return;
        step.output = event.output;
        step.doneSeq = seq;
        this.#look(step, event.output);
        if (event.step === 'preflight') this.claimedMs = atMs;
        return;
      case 'StepFailed':
      case 'UndoFailed':
        if (this.intent?.step !== event.step || this.intent.epoch !== epoch) return;
        if (event.certain) this.intent = null;
        else this.intent.failed = true;
        return;
      case 'GateOpened':
      case 'GateReopened':
        if (step === undefined) return;
        step.phase = 'open';
        if (event.kind === 'GateOpened') step.openedMs = atMs;
        return;
      case 'GateWaiting':
        if (step !== undefined) this.#look(step, event.facts);
        return;
      case 'EraEntered':
        this.era = event.era;
        this.entered = { epoch, atMs, seq };
        for (const each of this.order) {
          each.touched = true;
          if (each.phase === 'undone') each.phase = 'undoing';
        }
        return;
      case 'FenceRaised':
        this.raisedEpoch = Math.max(this.raisedEpoch, epoch);
        return;
      case 'ValueReplaced':
        if (this.intent?.epoch === epoch) this.intent = null;
        this.replacedValues += 1;
        for (const each of [this.steps.get('propose'), step]) if (each !== undefined) each.phase = 'idle';
        return;
      case 'RollbackDecided':
        this.decision = 'roll-back';
        this.turnedFor = event.code;
        this.status = 'rolling_back';
        this.takingBack = null;
        for (const each of this.order) each.attempt = 0;
        return;
      case 'TakeBackDecided': {
        this.takingBack = { step: event.step, asks: asked(event) };
        const gate = this.steps.get(event.gate);
        if (gate !== undefined) gate.phase = 'idle';
        return;
      }
      case 'Parked':
        this.status = 'parked';
        if (this.takingBack?.asks === asked(event)) this.takingBack = null;
        return;
      case 'CommandTaken':
        this.commandId = Math.max(this.commandId, event.commandId);
        if (this.status === 'parked') this.status = this.decision === 'roll-back' ? 'rolling_back' : 'running';
        return;
      case 'RotationClosed':
        this.status = 'closed';
        this.closedMs = atMs;
        return;
      default:
        event satisfies never;
    }
  }

  #mean(intent: PastIntent): void {
    const left = this.left(intent.epoch);
    if (left !== this.unsettled && this.intent !== null) this.unsettled.push(this.intent);
    this.intent = intent;
  }

  #look(step: PastStep, facts: unknown): void {
    for (const seen of [facts, field(facts, 'again')]) {
      const openedMs = numberIn(facts, 'atMs') - numberIn(seen, 'usage', 'youngestAgeMs');
      if (openedMs > step.sessionMs) step.sessionMs = openedMs;
    }
  }
}

/** What a person is asked, to be compared: the order of keys says nothing. */
export function asked({ code, facts }: { readonly code: string; readonly facts: object }): string {
  return JSON.stringify([code, Object.entries(facts).sort(([one], [other]) => (one < other ? -1 : 1))]);
}
