import { sentenceOf } from '../core/errors.js';
import { type GateLimit, gateLimit } from '../core/gate-limit.js';
import type { RotationState } from '../core/rotation.js';
import type { Recorded } from '../core/rotation-event.js';
import { fold, isOpen, stepState } from '../core/rotation.js';
import type { WaiverRow } from '../ports/operations.js';
import { consumersOf } from './consumer-standing.js';

/** What an open rotation waits for. */
export interface Wait {
  readonly step: string;
  readonly why: string;
  /** Since when it has waited for just this. Milliseconds since 1970. */
  readonly sinceMs: number;
  /** When it tries again; null: whenever its gate looks. Milliseconds since 1970. */
  readonly untilMs: number | null;
  /** When it has waited long enough by its policy; null: nothing is counted. */
  readonly limit: GateLimit | null;
}

/** What somebody who looks at a rotation wants to know next. */
export interface Outlook {
  /** Null where it is at work, parked or ended. */
  readonly waits: Wait | null;
  /** The commands that fit, to be run as they are, but for a reason: who gives it writes it in the place of `…`. */
  readonly commands: readonly string[];
}

/** What people have said of a rotation and its secret. */
interface Said {
  /** A hold is on its secret. */
  readonly isHeld: boolean;
  readonly waivers: readonly WaiverRow[];
}

/** What a rotation waits for and what can be said to it, from all its events. */
export function outlookOf(events: readonly Recorded[], { isHeld, waivers }: Said): Outlook {
  const state = fold(events);
  const unproved = unprovedIn(events, state, waivers);
  return {
    waits: waitOf(events, state, isHeld),
    commands: isOpen(state.status) ? commandsFor(state, { isHeld, unproved }) : [],
  };
}

function waitOf(events: readonly Recorded[], state: RotationState, isHeld: boolean): Wait | null {
  const { status } = state;
  const last = events.at(-1);
  if (last === undefined || !isOpen(status) || status === 'parked') return null;
  const { event, atMs } = last;
  switch (event.kind) {
    case 'GateWaiting': {
      const other = events.findLastIndex(
        ({ event: each }) => each.kind !== 'GateWaiting' || each.step !== event.step || each.why !== event.why,
      );
      const sinceMs = events[other + 1]?.atMs ?? atMs;
      const limit = gateLimit(state, event.step, { isHeld });
      return { step: event.step, why: event.why, sinceMs, untilMs: null, limit };
    }
    case 'StepFailed':
    case 'UndoFailed': {
      if (event.retryInMs === null) return null;
      const why = `${event.code}: ${sentenceOf(event.code, event.facts)}`;
      return { step: event.step, why, sinceMs: atMs, untilMs: atMs + event.retryInMs, limit: null };
    }
    default:
      return null;
  }
}

/** As the state database would take them: what it would refuse is not offered. */
function commandsFor(
  state: RotationState,
  { isHeld, unproved }: { readonly isHeld: boolean; readonly unproved: readonly string[] },
): readonly string[] {
  const { plan, status, decision } = state;
  const isPromoted = ['promote', 'swap'].some((step) => stepState(state, step).touched);
  const back = isPromoted || status === 'parked' ? 'rollback' : 'cancel';
  return [
    ...unproved.map((consumer) => `keyturn consumers waive ${plan.rotationId} ${consumer} --reason "…"`),
    `keyturn ${status === 'parked' ? 'resume' : 'follow'} ${plan.rotationId}`,
    ...(decision === null ? [`keyturn ${back} ${plan.rotationId}`] : []),
    ...(isHeld ? [`keyturn hold ${plan.path} --env ${plan.environment} --release`] : []),
  ];
}

/**
 * The required consumers for want of whose proof a rotation drains or is parked, and that nobody has answered for: the one
 * that it parked for, and whoever else had not proved when it last wrote that down.
 */
function unprovedIn(
  events: readonly Recorded[],
  state: RotationState,
  waivers: readonly WaiverRow[],
): readonly string[] {
  const { plan, status, because } = state;
  const isDraining = status === 'running' && stepState(state, 'drain').phase === 'open';
  const named = status === 'parked' && because?.code === 'DRAIN_TIMED_OUT' ? because.facts['consumer'] : undefined;
  if (!isDraining && !plan.consumers.some(({ name }) => name === named)) return [];
  return consumersOf(events, waivers)
    .filter(({ required, waiver }) => required && waiver === null)
    .filter(({ consumer, instances }) => {
      const hasProved = instances.length > 0 && instances.every(({ answer }) => answer === 'proved');
      return consumer === named || !hasProved;
    })
    .map(({ consumer }) => consumer);
}
