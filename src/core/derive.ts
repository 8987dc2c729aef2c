import { type WebhookType, webhookType } from './delivery.js';
import { type RotationState, type Status, evolve, stepState } from './rotation.js';
import type { FinalStatus, RotationEvent } from './rotation-event.js';

/** What a commit changes beside the journal, in the same transaction. A function of the state and the events alone. */
export interface Derived {
  readonly status: Status;
  /** The step the rotation is at. */
  readonly step: string;
  /** Why it rolls back or is parked. */
  readonly code: string | null;
  /** True once a fence token has been put on the target for this secret: from now on its absence is a refusal. */
  readonly fenced: boolean;
  /** Where `current` is after this commit, where the commit moved it; undefined: it did not. */
  readonly currentVersion: number | null | undefined;
  readonly webhooks: readonly {
    readonly type: WebhookType;
    readonly version: number | null;
    readonly code: string | null;
  }[];
  /** Durations for the histogram of steps. */
  readonly steps: readonly { readonly step: string; readonly tookMs: number }[];
  /** For the counter of rotations. */
  readonly closed: { readonly workflow: string; readonly trigger: string; readonly outcome: FinalStatus } | null;
}

/** Folds the events of one commit into the state, and says what follows from them. */
export function derive(
  before: RotationState,
  events: readonly RotationEvent[],
  epoch: number,
): { readonly state: RotationState; readonly derived: Derived } {
  let state = before;
  let fenced = false;
  let currentVersion: number | null | undefined;
  let closed: Derived['closed'] = null;
  const webhooks: { type: WebhookType; version: number | null; code: string | null }[] = [];
  const steps: { step: string; tookMs: number }[] = [];
  for (const event of events) {
    state = evolve(state, { seq: state.seq + 1, atMs: 0, epoch, event });
    const type = webhookType(event, state);
    if (type !== undefined)
      webhooks.push({ type, version: versionFor(type, state), code: state.because?.code ?? null });
    if (event.kind === 'FenceRaised') fenced = state.plan.capabilities.fence;
    if (event.kind === 'StepDone' || event.kind === 'UndoDone') {
      steps.push({ step: event.kind === 'StepDone' ? event.step : `undo ${event.step}`, tookMs: event.tookMs });
      if (event.step === 'create' || event.step === 'swap') fenced = state.plan.capabilities.fence;
      // What is taken back without having been meant stays where it is as often as not: the label is asked for again.
      if (
        (event.step === 'promote' || event.step === 'swap') &&
        (state.entered === null || stepState(state, event.step).meant)
      )
        currentVersion = event.kind === 'StepDone' ? newVersion(state) : oldVersion(state);
    }
    if (event.kind === 'RotationClosed') {
      closed = { workflow: state.plan.workflow.name, trigger: state.plan.trigger, outcome: event.status };
    }
  }
  return {
    state,
    derived: {
      status: state.status,
      step: stepNow(state),
      code: state.because?.code ?? null,
      fenced,
      currentVersion,
      webhooks,
      steps,
      closed,
    },
  };
}

/** The version that consumers should be on: the pending one for a canary, else where `current` is by this rotation. */
function versionFor(type: WebhookType, state: RotationState): number | null {
  const promoted = stepState(state, 'promote').phase === 'done' || stepState(state, 'swap').phase === 'done';
  return type === 'rotation.canary' || promoted ? newVersion(state) : oldVersion(state);
}

/** The version this rotation put, as its `stage` step says. */
export function newVersion(state: RotationState): number | null {
  return numberAt(stepState(state, 'stage').output, 'version');
}

/** The version that was current when it began, as its `preflight` says. */
export function oldVersion(state: RotationState): number | null {
  const output = stepState(state, 'preflight').output;
  const old: unknown = typeof output === 'object' && output !== null && 'old' in output ? output.old : null;
  return numberAt(old, 'version');
}

function numberAt(value: unknown, name: string): number | null {
  if (typeof value !== 'object' || value === null) return null;
  const found = (value as Record<string, unknown>)[name];
  return typeof found === 'number' ? found : null;
}

/** The step with an open intent or an open gate, or else the one touched last. */
function stepNow(state: RotationState): string {
  if (state.intent !== null) return state.intent.step;
  const names = Object.keys(state.steps);
  const open = names.find((name) => stepState(state, name).phase === 'open');
  return open ?? names.at(-1) ?? '';
}
