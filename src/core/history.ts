import { type Tell, judgeEvent } from './history/event-rules.js';
import { type Flight, flightOf, judgeFlights } from './history/flights.js';
import { unreadable } from './history/journaled-value.js';
import { Past } from './history/past.js';
import type { HistoryOptions, Violation } from './history/violation.js';
import type { Plan } from './plan.js';
import type { Recorded, RotationEvent } from './rotation-event.js';

/** What judging one rotation has found. */
export interface Judged {
  readonly violations: readonly Violation[];
  /** For {@link judgeFlights}; null where its beginning cannot be read. */
  readonly flight: Flight | null;
}

/**
 * Judges all rotations of an installation, or all of one secret: each by itself, then beside each other. Pure, and
 * linear in the number of events. What it judges by is written down again here and in `core/history`, not shared with
 * what decides: the judge must not believe the judged.
 *
 * Not in a journal, and so not judged: what happened outside without being written down, whether evidence is true, and
 * a journal that was rewritten as a whole so that it fits together.
 */
export function judgeHistory(rotations: Iterable<readonly Recorded[]>, options: HistoryOptions): readonly Violation[] {
  const violations: Violation[] = [];
  const flights: Flight[] = [];
  for (const events of rotations) {
    const judged = judgeRotation(events, options);
    violations.push(...judged.violations);
    if (judged.flight !== null) flights.push(judged.flight);
  }
  return [...violations, ...judgeFlights(flights, options.slackMs)];
}

/**
 * Judges one rotation by its events, in the order in which the journal gives them.
 *
 * `rotationId`: under which the journal has them, where that is known from elsewhere.
 */
export function judgeRotation(events: readonly Recorded[], options: HistoryOptions, rotationId?: string): Judged {
  const [first] = events;
  const violations: Violation[] = [];
  const planned =
    first?.event.kind === 'RotationRequested' ? unreadable(first.event) : 'it does not begin with RotationRequested';
  const id = rotationId ?? nameOf(first);
  const broken = (invariant: string, what: string): Judged => {
    violations.push({ invariant, rotationId: id, seq: first?.seq ?? 0, what });
    return { violations, flight: null };
  };
  if (first?.event.kind !== 'RotationRequested' || planned !== undefined) return broken('A2', planned ?? '');
  const { plan } = first.event;
  if (plan.rotationId !== id) return broken('A2', `its plan is that of ${plan.rotationId}`);
  const workflow = options.workflows.find(
    ({ name, number }) => name === plan.workflow.name && number === plan.workflow.number,
  );
  if (workflow === undefined)
    return broken('F21', `the workflow ${plan.workflow.name} ${plan.workflow.number} is not known to this version`);
  const past = new Past(plan, workflow, first.atMs, options.slackMs);
  past.era = first.event.era ?? past.era;
  const epochs: number[] = [];
  let at = first;
  let isFirst = true;
  const tell: Tell = (invariant, what) => void violations.push({ invariant, rotationId: id, seq: at.seq, what });
  let last = first;
  let owed: Owed | null = null;
  for (const recorded of events) {
    at = recorded;
    judgeOrder(recorded, isFirst ? null : last, options.slackMs, tell);
    const finding = unreadable(recorded.event);
    if (finding !== undefined) tell('A2', finding);
    else if (!isFirst) {
      if (owed !== null) judgeOwed(owed, recorded, tell);
      owed = owedBy(past, recorded);
      judgeEvent(past, recorded, tell);
      past.take(recorded);
    }
    if (recorded.epoch > (epochs.at(-1) ?? 0)) epochs.push(recorded.epoch);
    last = recorded;
    isFirst = false;
  }
  if (owed !== null) tell(owed.invariant, owed.what);
  return { violations, flight: flightOf(past, epochs, last.seq) };
}

/** Numbers without holes from 1; the request by nobody; epochs and, but for a stepped clock, times that never go back. */
function judgeOrder(recorded: Recorded, last: Recorded | null, slackMs: number, tell: Tell): void {
  const expected = last === null ? 1 : last.seq + 1;
  if (recorded.seq !== expected) tell('A2', `event ${recorded.seq} stands where ${expected} should`);
  if (last === null) {
    if (recorded.epoch !== 0) tell('I9', 'the request was written by an executor');
    return;
  }
  if (!Number.isInteger(recorded.epoch) || recorded.epoch < 1) tell('I9', `epoch ${recorded.epoch} is no executor`);
  if (recorded.epoch < last.epoch) tell('I9', `epoch ${recorded.epoch} writes after epoch ${last.epoch}`);
  // F29: the clock of another server may be behind. Its executors draw a new epoch; within one, only a step is possible.
  const isHandOver = recorded.epoch > last.epoch;
  if (!(recorded.atMs >= last.atMs - slackMs || (isHandOver && Number.isFinite(recorded.atMs))))
    tell('F29', `time goes back by ${last.atMs - recorded.atMs} ms`);
}

/** What the same commit must hold as its next event. */
interface Owed {
  readonly kind: RotationEvent['kind'];
  readonly code?: string;
  readonly epoch: number;
  readonly invariant: string;
  readonly what: string;
}

/** Some events come in pairs, in one commit: one without the other is a journal that was cut. */
function owedBy(past: Past, { event, epoch }: Recorded): Owed | null {
  if (event.kind === 'DestroyDecided')
    return { kind: 'StepIntended', epoch, invariant: 'I12', what: 'destroying is decided and nothing is meant' };
  if (event.kind !== 'CommandTaken' || event.command === 'resume' || past.decision !== null) return null;
  const code = event.command === 'cancel' ? 'CANCELLED' : 'ROLLBACK_ORDERED';
  return {
    kind: 'RollbackDecided',
    code,
    epoch,
    invariant: 'C5',
    what: `${event.command} is taken and nothing follows`,
  };
}

function judgeOwed(owed: Owed, { event, epoch }: Recorded, tell: Tell): void {
  const isPaid =
    event.kind === owed.kind &&
    epoch === owed.epoch &&
    (owed.code === undefined || ('code' in event && event.code === owed.code));
  if (!isPaid) tell(owed.invariant, owed.what);
}

function nameOf(first: Recorded | undefined): string {
  const plan: Plan | undefined = first?.event.kind === 'RotationRequested' ? first.event.plan : undefined;
  return typeof plan?.rotationId === 'string' ? plan.rotationId : '';
}
