import { catalogue } from '../errors.js';
import type { Recorded, RotationEvent } from '../rotation-event.js';
import { numberIn } from './journaled-value.js';
import { type Past, type PastStep, asked } from './past.js';
import { unprovedClauses } from './revoke-evidence.js';
import { judgeLook, judgeOutput } from './step-output.js';

/** Tells of a violation: the invariant, and what was seen. */
export type Tell = (invariant: string, what: string) => void;

type Of<Kind extends RotationEvent['kind']> = Extract<RotationEvent, { readonly kind: Kind }>;

/** How old the newest login with the new credential may be when the label is moved onto it. Milliseconds. */
const TRIED_MAX_AGE_MS = 10 * 60_000;

/** Why a rotation turns back because a person has said or done so. */
const ofPeople: readonly string[] = ['CANCELLED', 'ROLLBACK_ORDERED', 'ALIAS_MOVED'];

const commandKinds: readonly string[] = ['cancel', 'rollback', 'resume'];

/** May this event follow what is past? Tells every reason why not. `past` is as it was before the event. */
export function judgeEvent(past: Past, recorded: Recorded, tell: Tell): void {
  const { event } = recorded;
  if (past.status === 'closed') return tell('I4', `${event.kind} after the rotation was closed`);
  if (past.status === 'parked' && event.kind !== 'CommandTaken')
    return tell('L2', `${event.kind} while it is parked and nobody has said anything`);
  const step = 'step' in event ? past.steps.get(event.step) : undefined;
  if ('step' in event && step === undefined)
    return tell(
      'I10',
      `${event.kind} of ${event.step}, which ${past.workflow.name} ${past.workflow.number} does not have`,
    );
  if ('code' in event && !Object.hasOwn(catalogue, event.code))
    tell('L2', `${event.kind} with the code ${event.code}, which the catalogue does not have`);
  if (step !== undefined) return judgeOfStep(past, recorded, step, tell);
  switch (event.kind) {
    case 'RotationRequested':
      return tell('A2', 'a second RotationRequested');
    case 'FenceRaised':
      return judgeRaise(past, recorded.epoch, tell);
    case 'EraEntered':
      if (!(event.era > past.era)) tell('I9', `era ${event.era} follows era ${past.era}`);
      return;
    case 'Parked':
      return judgeParked(past, event, tell);
    case 'RollbackDecided':
      if (past.decision !== null) tell('I12', `it turns back after ${past.decision} was decided`);
      if (past.plan.exposed === true && isPromoted(past) && !ofPeople.includes(event.code))
        tell('I18', `it turns back by itself (${event.code}), and the old credential is exposed`);
      return;
    case 'DestroyDecided':
      return judgeDestroyDecided(past, tell);
    case 'CommandTaken':
      if (!commandKinds.includes(event.command)) tell('C5', `a command ${event.command}, which there is none of`);
      if (!(event.commandId > past.commandId))
        tell('C5', `command ${event.commandId} is taken after ${past.commandId}`);
      if (event.by === '') tell('C5', `command ${event.commandId} is from nobody`);
      return;
    case 'RotationClosed':
      return judgeClose(past, recorded, event.status, tell);
    default:
  }
}

function judgeOfStep(past: Past, recorded: Recorded, step: PastStep, tell: Tell): void {
  const { event, epoch } = recorded;
  switch (event.kind) {
    case 'GateOpened':
      if (step.phase !== 'idle') tell('I10', `${event.step} opens again without a reason`);
      return judgeForward(past, step, 'gate', tell);
    case 'GateWaiting':
      if (step.shape.kind !== 'gate' || step.phase !== 'open') tell('I10', `${event.step} waits and is not open`);
      if (past.status !== 'running') tell('I12', `${event.step} waits while it turns back`);
      return judgeLook(past, step, recorded.atMs, event.facts, tell);
    case 'GateReopened':
      return judgeReopened(past, step, tell);
    case 'StepIntended':
      return judgeStepIntended(past, recorded, step, event, tell);
    case 'UndoIntended':
      return judgeUndoIntended(past, recorded, step, tell);
    case 'StepDone':
      if (past.status !== 'running') tell('I12', `${event.step} is done while it turns back`);
      judgeResult(past, recorded, step, 'do', tell);
      judgeOutput(past, step, recorded.atMs, event.output, tell);
      return;
    case 'UndoDone':
      return judgeResult(past, recorded, step, 'undo', tell);
    case 'TakeBackDecided':
      return judgeTakeBack(past, step, event, tell);
    case 'StepFailed':
      if (past.status !== 'running') tell('I12', `${event.step} fails forwards while it turns back`);
      if (isRaiseFailed(past, epoch, event.step)) return;
      return judgeResult(past, recorded, step, 'do', tell);
    case 'UndoFailed':
      if (isRaiseFailed(past, epoch, event.step)) return;
      return judgeResult(past, recorded, step, 'undo', tell);
    case 'ValueReplaced':
      judgeResult(past, recorded, step, 'do', tell);
      if (step.shape.kind !== 'act') tell('I7', `${event.step} has no value to replace`);
      if (past.plan.capabilities.origin !== 'ours') tell('I7', 'a value is replaced that is not ours to choose');
      return;
    default:
  }
}

/** Forwards: in the order of the workflow, and each on what is still true of those before it. */
function judgeForward(past: Past, step: PastStep, kind: 'gate' | 'effect', tell: Tell): void {
  const { name } = step.shape;
  if (past.takingBack !== null) tell('I13', `${name} begins while ${past.takingBack.step} is taken back`);
  if ((step.shape.kind === 'gate') !== (kind === 'gate')) tell('I10', `${name} is a ${step.shape.kind}`);
  if (past.status !== 'running') tell('I12', `${name} begins while it turns back`);
  let seq = 0;
  for (const before of past.order) {
    if (before.place >= step.place) break;
    if (before.phase !== 'done') return tell('I10', `${name} begins and ${before.shape.name} is not done`);
    // A gate looks again at any time; an act that is done again makes what was made of it before worthless.
    if (before.shape.kind === 'gate') continue;
    if (before.doneSeq < seq)
      return tell('I10', `${name} begins on a ${before.shape.name} older than a step before it`);
    seq = before.doneSeq;
  }
}

function judgeStepIntended(
  past: Past,
  recorded: Recorded,
  step: PastStep,
  event: Of<'StepIntended'>,
  tell: Tell,
): void {
  judgeForward(past, step, 'effect', tell);
  judgeMeant(past, recorded, step, tell);
  if (step.phase === 'done') tell('I10', `${event.step} is meant again after it was done`);
  if (step.shape.kind === 'final' && past.decision !== 'destroy')
    tell('I12', `${event.step} is meant before destroying was decided`);
  if (past.plan.capabilities.origin === 'provider' && mayStillHappen(past, recorded, step))
    tell('I11', `${event.step} is repeated while an older request may still happen`);
  if (event.step === 'promote' && event.standing !== undefined) judgeTried(past, recorded.atMs, tell);
  judgeLookedAnew(past, step, tell);
  if (step.shape.kind === 'final' || event.step === 'disable') {
    const meant = { atMs: recorded.atMs, standing: event.standing };
    for (const clause of unprovedClauses(past, step, meant)) tell('I2', `${event.step} is meant: ${clause}`);
  }
}

/** What a gate saw before a stretch of the journal was lost is nothing to go by. */
function judgeLookedAnew(past: Past, { shape }: PastStep, tell: Tell): void {
  if (shape.kind === 'gate' || shape.guard === undefined || past.entered === null) return;
  const gate = past.steps.get(shape.guard.gate);
  if (gate === undefined || gate.doneSeq < past.entered.seq)
    tell('I2', `${shape.name} is meant on what ${shape.guard.gate} saw before the database was rewound`);
}

/** Only journals that say what people had said are from when promote asked for the age of what it relied on. */
function judgeTried(past: Past, atMs: number, tell: Tell): void {
  const ageMs = atMs - numberIn(past.output('canary'), 'verifiedMs');
  if (!(ageMs <= TRIED_MAX_AGE_MS + past.slackMs)) tell('I1', `promote is meant on a login of ${ageMs} ms ago`);
}

function judgeUndoIntended(past: Past, recorded: Recorded, step: PastStep, tell: Tell): void {
  const { name } = step.shape;
  judgeMeant(past, recorded, step, tell);
  if (step.shape.kind !== 'act') return tell('I13', `${name} is taken back, which has no way back`);
  if (!step.touched) tell('I13', `${name} is taken back and was never meant`);
  if (past.status === 'running') {
    // Half-done, and its gate may wait for as long as it likes.
    const isHalf = (step.phase === 'intended' || step.phase === 'undoing') && past.plan.exposed !== true;
    if (past.takingBack?.step === name) return;
    if (step.shape.guard === undefined || !past.touches(name, 'target') || !isHalf)
      tell('I13', `${name} is taken back and nobody has decided to turn back`);
    return;
  }
  for (const later of past.order) {
    if (later.place > step.place && later.touched && later.shape.kind === 'act' && later.phase !== 'undone')
      return tell('I13', `${name} is taken back before ${later.shape.name}`);
  }
  if (past.plan.capabilities.fence && past.raisedEpoch !== recorded.epoch && touchedTarget(past))
    tell('I9', `${name} is taken back and the fence was not raised for it`);
  if (step.shape.guard === undefined && past.touches(name, 'target') && mayStillHappen(past, recorded, step))
    tell('I11', `${name} is taken back while it may still happen`);
}

/** Only what takes something away at the target is taken back by itself, after it was done and before anything is destroyed. */
function judgeTakeBack(past: Past, step: PastStep, { gate, code }: Of<'TakeBackDecided'>, tell: Tell): void {
  const { name, kind } = step.shape;
  if (past.status !== 'running' || past.decision !== null) tell('I12', `${name} is taken back after its time`);
  const isTakenAway = step.phase === 'done' || step.phase === 'intended' || step.phase === 'undoing';
  if (kind !== 'act' || step.shape.guard === undefined || !past.touches(name, 'target') || !isTakenAway)
    tell('I13', `${name} is taken back, which takes nothing away`);
  if (past.steps.get(gate)?.phase !== 'open') tell('I10', `${name} is taken back for ${gate}, which is not open`);
  if (past.plan.exposed === true && code !== 'ALIAS_MOVED')
    tell('I18', `${name} is taken back by itself, and the old credential is exposed`);
}

/** What holds for an intent in either direction. */
function judgeMeant(past: Past, { event, epoch }: Recorded, step: PastStep, tell: Tell): void {
  const { name } = step.shape;
  const open = past.intent;
  if (open !== null && open.epoch === epoch)
    tell(
      open.failed ? 'I9' : 'I10',
      `${name} is meant while ${open.step} of the same executor ${open.failed ? 'may still happen' : 'stands'}`,
    );
  if ('attempt' in event && event.attempt !== step.attempt + 1)
    tell('I10', `try ${event.attempt} of ${name} follows try ${step.attempt}`);
  if (!past.plan.capabilities.fence) return;
  const older = past.left(epoch).find((each) => past.touches(each.step, 'target') && !past.isFenced(each));
  if (past.entered !== null && past.raisedEpoch < past.entered.epoch && touchedTarget(past))
    tell('I9', `${name} is meant and the fence was not raised since the database was rewound`);
  if (older !== undefined)
    tell('I9', `${name} is meant and the fence was not raised above ${older.step} of epoch ${older.epoch}`);
}

/** A result belongs to the one intent that stands, and only its own executor knows it. */
function judgeResult(
  past: Past,
  { event, epoch }: Recorded,
  step: PastStep,
  direction: 'do' | 'undo',
  tell: Tell,
): void {
  const { name } = step.shape;
  if (step.shape.kind === 'gate') {
    if (direction === 'undo' || step.phase !== 'open') tell('I10', `${event.kind} of ${name}, which is not open`);
    return;
  }
  const { intent } = past;
  if (intent === null || intent.step !== name || intent.direction !== direction)
    tell('I10', `${event.kind} of ${name}, which nobody has meant`);
  else if (intent.epoch !== epoch)
    tell('I9', `${event.kind} of ${name} by epoch ${epoch}, and epoch ${intent.epoch} has meant it`);
  else if (intent.failed) tell('I10', `${event.kind} of ${name} after nobody knew how it ended`);
}

function judgeReopened(past: Past, step: PastStep, tell: Tell): void {
  const { name } = step.shape;
  if (step.shape.kind !== 'gate' || step.phase !== 'done') tell('I10', `${name} is opened again and had not passed`);
  if (past.status !== 'running') tell('I12', `${name} is opened again while it turns back`);
  if (past.takingBack !== null) tell('I13', `${name} is opened again while ${past.takingBack.step} is taken back`);
  const half = past.order.find(
    ({ place, shape, phase }) =>
      place > step.place &&
      shape.kind === 'act' &&
      (phase === 'intended' || phase === 'undoing') &&
      // A label that may have moved may stay where it is meanwhile: it takes nothing from anybody.
      (shape.guard?.gate !== name || past.touches(shape.name, 'target')),
  );
  // What strangers have stays off meanwhile.
  if (half !== undefined && past.plan.exposed !== true)
    tell('I10', `${name} is opened again while ${half.shape.name} is half done`);
}

/** What was taken back before a person is asked is off, or on, when that person comes; and the question is the one that was found. */
function judgeParked({ takingBack, steps }: Past, event: Of<'Parked'>, tell: Tell): void {
  if (takingBack === null) return;
  const isUndone = steps.get(takingBack.step)?.phase === 'undone';
  if (isUndone !== (takingBack.asks === asked(event)))
    tell(
      'L2',
      `a person is asked ${event.code}, and ${takingBack.step} was taken back for something else, or is not yet`,
    );
}

function judgeRaise(past: Past, epoch: number, tell: Tell): void {
  if (!past.plan.capabilities.fence) return tell('I10', 'a fence is raised at a target that has none');
  if (past.raisedEpoch === epoch) return tell('I10', 'the fence is raised twice by one executor');
  if (past.status === 'rolling_back' && touchedTarget(past)) return;
  if (past.entered !== null && past.raisedEpoch < past.entered.epoch) return;
  if (!past.left(epoch).some((each) => past.touches(each.step, 'target')))
    tell('I10', 'the fence is raised and nothing was left behind');
}

function judgeDestroyDecided(past: Past, tell: Tell): void {
  if (past.decision !== null) tell('I12', `destroying is decided after ${past.decision} was decided`);
  for (const { shape, phase } of past.order) {
    if (shape.kind === 'final') return;
    if (phase !== 'done') return tell('I12', `destroying is decided and ${shape.name} is not done`);
  }
}

/** Terminal is only what can no longer change. */
function judgeClose(past: Past, { epoch, atMs }: Recorded, status: string, tell: Tell): void {
  if (past.intent !== null) tell('I4', `it is closed and how ${past.intent.step} ended is not known`);
  for (const each of past.left(epoch)) {
    const untilMs = past.mayHappenUntilMs(each);
    if (untilMs > atMs) tell('I4', `it is closed and ${each.step} of epoch ${each.epoch} may still happen`);
    const step = past.steps.get(each.step);
    if (status !== 'completed' && step?.shape.kind === 'act' && step.endedMs < untilMs)
      tell('I4', `${each.step} was not taken back again after it could no longer happen`);
  }
  for (const { shape, endedMs } of past.order) {
    const untilMs = shape.kind === 'gate' ? 0 : past.lostUntilMs(shape.name);
    if (untilMs > atMs) tell('I4', `it is closed and ${shape.name} may still happen from what is lost`);
    if (status !== 'completed' && shape.kind === 'act' && endedMs < untilMs)
      tell('I4', `${shape.name} was not taken back again after what is lost could no longer happen`);
  }
  if (status === 'completed') {
    const missing = past.order.find(({ phase }) => phase !== 'done');
    if (past.decision === 'roll-back') tell('I12', 'it is completed and had decided to turn back');
    if (missing !== undefined) tell('I4', `it is completed and ${missing.shape.name} is not done`);
    return;
  }
  if (status !== 'rolled_back' && status !== 'cancelled')
    return tell('I4', `it is closed as ${status}, which is no end`);
  if (past.decision !== 'roll-back') tell('I12', `it is ${status} and had not decided to turn back`);
  if (status === 'cancelled' && past.turnedFor !== 'CANCELLED')
    tell('C5', 'it is cancelled and nobody has cancelled it');
  const left = past.order.find(({ shape, touched, phase }) => shape.kind === 'act' && touched && phase !== 'undone');
  if (left !== undefined) tell('I13', `it is ${status} and ${left.shape.name} was not taken back`);
}

/** A raise that fails is written down at the step on whose behalf it was tried, which has no intent of its own. */
function isRaiseFailed(past: Past, epoch: number, step: string): boolean {
  if (!past.plan.capabilities.fence || past.raisedEpoch === epoch || !past.touches(step, 'target')) return false;
  if (past.status === 'rolling_back') return past.steps.get(step)?.touched === true;
  if (past.entered !== null && past.raisedEpoch < past.entered.epoch) return true;
  return past.left(epoch).some((each) => each.step === step && !past.isFenced(each));
}

function isPromoted({ steps }: Past): boolean {
  return ['promote', 'swap'].some((name) => steps.get(name)?.touched === true);
}

function touchedTarget(past: Past): boolean {
  return past.order.some(({ shape, touched }) => touched && past.touches(shape.name, 'target'));
}

function mayStillHappen(past: Past, { epoch, atMs }: Recorded, step: PastStep): boolean {
  if (past.lostUntilMs(step.shape.name) > atMs) return true;
  return past.left(epoch).some((each) => each.step === step.shape.name && past.mayHappenUntilMs(each) > atMs);
}
