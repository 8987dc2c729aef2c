import type { Verdict, WorkflowShape } from './decide.js';
import type { ErrorClass, ErrorCode, ErrorFacts } from './errors.js';
import { catalogue, isKeyTrouble, sentenceOf } from './errors.js';
import type { Json } from './json.js';
import { naming } from './plan.js';
import { endlessRetryDelayMs, retryDelayMs } from './retry.js';
import type { RotationState } from './rotation.js';
import type { RotationEvent } from './rotation-event.js';
import { stepState } from './rotation.js';

/** How often a value that the target rejects is replaced before the rotation gives up. */
const MAX_REPLACED_VALUES = 3;

/** The longest that a target may put us off (`retryAfterMs`). Milliseconds. */
const MOST_PUT_OFF_MS = 3_600_000;

/** An error of a step, as the engine has sorted it. */
export interface StepError {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
}

/** What is written down when a step ends in an error. Never empty. */
export function onError(
  workflow: WorkflowShape,
  state: RotationState,
  at: { readonly step: string; readonly direction: 'do' | 'undo' },
  error: StepError,
): readonly RotationEvent[] {
  const step = workflow.steps.find((each) => each.name === at.step);
  if (step === undefined)
    return [{ kind: 'Parked', code: 'UNKNOWN_STEP', facts: { ...naming(state.plan), step: at.step } }];
  const { code } = error;
  const facts = { ...naming(state.plan), step: at.step, ...error.facts };
  const failures = stepState(state, at.step).failures + 1;
  const { retry } = state.plan.policy;
  const key = `${state.plan.rotationId}:${at.step}`;
  // A gate after promote that cannot read what it compares has learned nothing, and going back needs the same key.
  const isBlind = step.kind === 'gate' && step.whenBlind === 'park' && isKeyTrouble(code);
  const whatNext: ErrorClass = isBlind ? 'retry' : catalogue[code].class;
  const failed = (retryInMs: number | null): RotationEvent => ({
    kind: at.direction === 'undo' ? 'UndoFailed' : 'StepFailed',
    step: at.step,
    code,
    facts,
    // A gate has no effects; a refusal from outside is an answer, as is that of a target which destroys slowly; and a
    // rotator may know that nothing was sent.
    certain:
      step.kind === 'gate' || whatNext !== 'retry' || code === 'STILL_ACCEPTED' || error.facts['outcome'] === 'none',
    retryInMs,
  });
  const park: RotationEvent = { kind: 'Parked', code, facts };
  if (at.direction === 'undo' || step.kind === 'final' || state.decision === 'destroy') {
    return whatNext === 'retry'
      ? [failed(putOff(error, endlessRetryDelayMs(retry, failures, key)))]
      : [failed(null), park];
  }
  switch (whatNext) {
    case 'retry': {
      const delay = retryDelayMs(retry, failures, key);
      if (delay !== undefined) return [failed(putOff(error, delay))];
      const exhausted = { ...facts, attempts: failures, last: code };
      if (step.kind === 'gate' && step.whenBlind === 'park')
        return [failed(null), { kind: 'Parked', code, facts: exhausted }];
      return [failed(null), turnBack(state, 'RETRIES_EXHAUSTED', exhausted)];
    }
    case 'undo':
      if (
        code === 'VALUE_REJECTED' &&
        state.plan.capabilities.origin === 'ours' &&
        state.replacedValues < MAX_REPLACED_VALUES &&
        isUnused(state, at.step)
      ) {
        return [{ kind: 'ValueReplaced', step: at.step, code }];
      }
      return [failed(null), turnBack(state, code, facts)];
    case 'park':
      return [failed(null), park];
    default:
      return whatNext satisfies never;
  }
}

/**
 * The rotation turns back, unless that would be towards a credential that strangers have: once the new one is promoted
 * only a person decides that. Who has moved the label has decided: what it names must work.
 */
function turnBack(state: RotationState, code: ErrorCode, facts: ErrorFacts): RotationEvent {
  const isPromoted = ['promote', 'swap'].some((step) => stepState(state, step).touched);
  if (state.plan.exposed !== true || !isPromoted || code === 'ALIAS_MOVED')
    return { kind: 'RollbackDecided', code, facts };
  return { kind: 'Parked', code: 'NOT_TURNED_BACK', facts: { ...facts, finding: sentenceOf(code, facts) } };
}

/** Not before the target has said that it will listen again. */
function putOff({ facts }: StepError, delayMs: number): number {
  const { retryAfterMs } = facts;
  return typeof retryAfterMs === 'number' ? Math.max(delayMs, Math.min(retryAfterMs, MOST_PUT_OFF_MS)) : delayMs;
}

/** True while no step but this one has made anything of the proposed value: another then takes its place. */
function isUnused({ steps }: RotationState, by: string): boolean {
  return Object.entries(steps).every(([name, { touched }]) => name === 'propose' || name === by || !touched);
}

/** Facts that change with every look without saying anything new. */
const passing = ['atMs', 'youngestAgeMs', 'oldestAgeMs'];

/**
 * True where a gate waits for the same thing on the same facts as it has already written down: a rotation that drains
 * for a day must not fill its journal with one sentence.
 */
export function saysNothingNew(state: RotationState, step: string, verdict: Verdict<Json, Json>): boolean {
  const before = stepState(state, step);
  return verdict.kind === 'wait' && before.last === verdict.why && lasting(before.output) === lasting(verdict.facts);
}

/** The order of keys says nothing: a journal in the database gives them back in an order of its own. */
function lasting(facts: Json): string {
  return JSON.stringify(facts, (key, value: Json) => {
    if (passing.includes(key)) return null;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

/** True where the act has been done, or may have been. */
function isTakenAway(state: RotationState, step: string): boolean {
  return ['done', 'intended', 'undoing'].includes(stepState(state, step).phase);
}

/** What is written down when a gate has judged. */
export function onVerdict(
  state: RotationState,
  step: string,
  verdict: Verdict<Json, Json>,
  tookMs: number,
): readonly RotationEvent[] {
  switch (verdict.kind) {
    case 'pass':
      return [{ kind: 'StepDone', step, output: verdict.output, tookMs }];
    case 'wait':
      return [{ kind: 'GateWaiting', step, facts: verdict.facts, why: verdict.why, againInMs: verdict.againInMs }];
    case 'fail': {
      const facts = { ...naming(state.plan), ...verdict.facts };
      if (state.decision === 'destroy') return [{ kind: 'Parked', code: verdict.code, facts }];
      return [turnBack(state, verdict.code, facts)];
    }
    case 'park': {
      const { code, takingBack } = verdict;
      const facts = { ...naming(state.plan), ...verdict.facts };
      if (takingBack === undefined) return [{ kind: 'Parked', code, facts }];
      // After destroying was decided the only way is forward; and what was never meant needs no taking back.
      const isBack = state.decision !== 'destroy' && isTakenAway(state, takingBack);
      if (!isBack)
        return [{ kind: 'Parked', code, facts: 'standing' in facts ? { ...facts, standing: 'stays off' } : facts }];
      return [{ kind: 'TakeBackDecided', step: takingBack, gate: step, code, facts }];
    }
    default:
      return verdict satisfies never;
  }
}
