import { cureOf, parkedCureOf, sentenceOf } from '../core/errors.js';
import type { Recorded, RotationEvent } from '../core/rotation-event.js';
import { plain, showDuration } from './table.js';

/** Makes lines for people of one rotation's events in order; nothing for a gate that only goes on waiting as before. */
export function timelineOf(startedMs: number): (recorded: Recorded) => string | undefined {
  let waiting = '';
  return (recorded) => {
    const { event } = recorded;
    const before = waiting;
    waiting = event.kind === 'GateWaiting' ? `${event.step} ${event.why}` : '';
    return waiting !== '' && waiting === before ? undefined : timelineLine(recorded, startedMs);
  };
}

/** One event as a line: when, how long after the beginning, which step, what. */
function timelineLine(recorded: Recorded, startedMs: number): string {
  const { step, what } = describe(recorded.event);
  const time = new Date(recorded.atMs).toISOString().slice(11, 23);
  const after = `+${((recorded.atMs - startedMs) / 1000).toFixed(2)} s`;
  return `${time}  ${after.padStart(10)}  ${step.padEnd(9)}  ${plain(what)}`;
}

function describe(event: RotationEvent): { readonly step: string; readonly what: string } {
  switch (event.kind) {
    case 'RotationRequested': {
      const { plan } = event;
      const repair = plan.repair ? ', as a repair' : '';
      const exposed = plan.exposed === true ? ', for what is exposed' : '';
      return { step: '', what: `requested by ${plan.requestedBy}${repair}${exposed}: ${plan.reason} (${plan.secret})` };
    }
    case 'StepIntended':
      return { step: event.step, what: event.attempt > 1 ? `begins, attempt ${event.attempt}` : 'begins' };
    case 'StepDone':
      return { step: event.step, what: `done in ${showDuration(event.tookMs)}` };
    case 'StepFailed':
    case 'UndoFailed': {
      const again = event.retryInMs === null ? '' : `; again in ${showDuration(event.retryInMs)}`;
      const unsure = event.certain ? '' : '; it may have happened all the same';
      return {
        step: event.step,
        what: `failed, ${event.code}: ${sentenceOf(event.code, event.facts)}${unsure}${again}`,
      };
    }
    case 'GateOpened':
      return { step: event.step, what: 'waits for its conditions' };
    case 'GateWaiting':
      return { step: event.step, what: `waits: ${event.why}` };
    case 'GateReopened':
      return { step: event.step, what: `looks again: ${event.why}` };
    case 'FenceRaised':
      return { step: '', what: 'the fence was raised: what an earlier worker sent is refused from now on' };
    case 'EraEntered':
      return {
        step: '',
        what: `the state database was older than it had been (era ${event.era}): every step is settled and looked at again`,
      };
    case 'ValueReplaced':
      return { step: event.step, what: `the value was rejected (${event.code}); another is proposed` };
    case 'RollbackDecided':
      return {
        step: '',
        what: `ROLLS BACK, ${event.code}: ${sentenceOf(event.code, event.facts)}. ${cureOf(event.code, event.facts)}`,
      };
    case 'DestroyDecided':
      return { step: '', what: 'all evidence is there; from here the only way is forward' };
    case 'TakeBackDecided':
      return { step: event.step, what: `is taken back, ${event.code}: ${sentenceOf(event.code, event.facts)}` };
    case 'UndoIntended':
      return { step: event.step, what: event.attempt > 1 ? `is undone, attempt ${event.attempt}` : 'is undone' };
    case 'UndoDone':
      return { step: event.step, what: `undone in ${showDuration(event.tookMs)}` };
    case 'Parked':
      return {
        step: '',
        what: `PARKED, ${event.code}: ${sentenceOf(event.code, event.facts)}. ${parkedCureOf(event.code, event.facts)}`,
      };
    case 'CommandTaken':
      return { step: '', what: `${event.by} said ${event.command}${event.reason === '' ? '' : `: ${event.reason}`}` };
    case 'RotationClosed':
      return { step: '', what: event.status.replace('_', ' ').toUpperCase() };
    default:
      return event satisfies never;
  }
}
