import type { Plan } from '../../src/core/plan.js';
import { type RotationState, fold } from '../../src/core/rotation.js';
import type { Recorded, RotationEvent } from '../../src/core/rotation-event.js';
import { aPlan } from './plans.js';

/** The database's time of the request. Milliseconds since 1970. */
export const requestedMs = 1_000_000;

/** An event with the executor that wrote it and how long after the request. */
export interface Written {
  readonly event: RotationEvent;
  readonly epoch?: number;
  readonly afterMs?: number;
}

/** A journal: the request, then these events in their order, by executor 1 and at once where nothing else is said. */
export function aJournal(plan: Plan, events: readonly (RotationEvent | Written)[]): readonly Recorded[] {
  const written = events.map((each): Written => ('event' in each ? each : { event: each }));
  return [
    { seq: 1, atMs: requestedMs, epoch: 0, event: { kind: 'RotationRequested', plan } },
    ...written.map(({ event, epoch = 1, afterMs = 0 }, index) => ({
      seq: index + 2,
      atMs: requestedMs + afterMs,
      epoch,
      event,
    })),
  ];
}

/** The state after these events of a plan; name what the test is about. */
export function stateAfter(events: readonly (RotationEvent | Written)[], plan: Partial<Plan> = {}): RotationState {
  return fold(aJournal(aPlan(plan), events));
}

/** What is written for a step that has been done. */
export function done(
  step: string,
  output: Extract<RotationEvent, { kind: 'StepDone' }>['output'] = null,
): readonly RotationEvent[] {
  return [
    { kind: 'StepIntended', step, attempt: 1 },
    { kind: 'StepDone', step, output, tookMs: 5 },
  ];
}

/** What is written for a gate that has passed. */
export function passed(
  step: string,
  output: Extract<RotationEvent, { kind: 'StepDone' }>['output'] = null,
): readonly RotationEvent[] {
  return [
    { kind: 'GateOpened', step },
    { kind: 'StepDone', step, output, tookMs: 5 },
  ];
}
