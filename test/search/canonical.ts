import { createHash } from 'node:crypto';
import type { RotationState, StepState } from '../../src/core/rotation.js';
import type { Recorded } from '../../src/core/rotation-event.js';
import { isKeyturnError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { digestOf } from './label-store.js';
import { folded } from './world.js';

/** Against what numbers are told apart: times only by how far off they are, epochs only by their order. */
export interface Frame {
  readonly nowMs: number;
  /** Ages beyond this are all the same to the engine. Milliseconds. */
  readonly horizonMs: number;
  readonly guardSeq: number;
  /** Every epoch that still means something, ascending. */
  readonly epochs: readonly number[];
}

/** 32 hexadecimal characters: as good as the text itself for telling states apart. */
export function hashOf(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

export function rank(epoch: number, { epochs }: Frame): number {
  return epochs.indexOf(epoch);
}

export function relative(ms: number, { nowMs, horizonMs }: Frame): number {
  return Math.max(ms - nowMs, -horizonMs);
}

/** Any answer or output in text, with times relative and secrets by their digest. */
export function textOf(value: unknown, frame: Frame): string {
  return JSON.stringify(plain(value, frame)) ?? 'undefined';
}

const sinceTheEpochMs = 1_000_000_000_000;
const silent = new Set(['seq', 'tookMs', 'attempt', 'commandId', 'id', 'acquired']);

function plain(value: unknown, frame: Frame): unknown {
  if (typeof value === 'number') return value > sinceTheEpochMs ? relative(value, frame) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Secret) return digestOf(value);
  if (isKeyturnError(value)) return [value.code, plain(value.facts, frame)];
  if (value instanceof Uint8Array) return hashOf(Buffer.from(value).toString('hex'));
  if (Array.isArray(value)) return value.map((each) => plain(each, frame));
  if (isLoaded(value)) return [reducedState(folded(value.events), frame), plain(value.surroundings, frame)];
  const entries = Object.entries(value).flatMap(([key, each]) => {
    if (silent.has(key)) return [];
    if (key === 'guardSeq') return [[key, (each as number) - frame.guardSeq]];
    if (key === 'epoch' || key === 'storedEpoch') return [[key, rank(each as number, frame)]];
    return [[key, plain(each, frame)]];
  });
  return entries;
}

function isLoaded(value: object): value is { readonly events: readonly Recorded[]; readonly surroundings: unknown } {
  return 'events' in value && 'surroundings' in value;
}

/** What of a rotation's state the engine's next moves depend on. */
export function reducedState(state: RotationState, frame: Frame): unknown {
  const { intent, plan, entered } = state;
  const settleMs = Math.max(plan.capabilities.fence ? 0 : plan.capabilities.settleMs, plan.storeSettleMs);
  const unsettled = state.unsettled.filter(
    (each) => each.epoch >= state.raisedEpoch || each.intendedMs + settleMs > frame.nowMs || !plan.capabilities.fence,
  );
  return [
    plan.rotationId,
    state.status,
    state.decision,
    state.because?.code ?? null,
    state.replacedValues,
    rank(state.raisedEpoch, frame),
    state.era,
    entered === null ? null : [rank(entered.epoch, frame), relative(entered.atMs, frame), entered.stale],
    intent === null
      ? null
      : [intent.step, intent.direction, rank(intent.epoch, frame), relative(intent.atMs, frame), intent.failed],
    unsettled.map((each) => [each.step, rank(each.epoch, frame), relative(each.intendedMs, frame)]),
    Object.entries(state.steps).map(([name, step]) => [
      name,
      reducedStep(step, lastSettled(state, name, settleMs), frame),
    ]),
  ];
}

function lastSettled(state: RotationState, step: string, settleMs: number): number {
  const intended = [
    ...state.unsettled,
    ...(state.entered === null ? [] : [{ step, intendedMs: state.entered.atMs }]),
    ...(state.intent === null ? [] : [{ step: state.intent.step, intendedMs: state.intent.atMs }]),
  ];
  return Math.max(0, ...intended.filter((each) => each.step === step).map((each) => each.intendedMs + settleMs));
}

function reducedStep(step: StepState, settledMs: number, frame: Frame): unknown {
  const { phase, failures, output, dueMs, meant, touched, last } = step;
  const attempt = phase === 'open' ? Math.min(step.attempt, 1) : 0;
  const due = dueMs > frame.nowMs ? dueMs - frame.nowMs : 0;
  return [
    phase,
    attempt,
    failures,
    plain(output, frame),
    due,
    meant,
    touched,
    last,
    phase === 'undone' && step.doneMs >= settledMs,
  ];
}
