import type { RotationState } from './rotation.js';
import type { RotationEvent } from './rotation-event.js';
import { stepState } from './rotation.js';

/** The kinds of webhook about a rotation. */
const webhookTypes = [
  'rotation.canary',
  'rotation.promoted',
  'rotation.completed',
  'rotation.rolled_back',
  'rotation.parked',
] as const;
export type WebhookType = (typeof webhookTypes)[number];

/** A webhook's body: ids and numbers, never a value. */
export interface WebhookBody {
  readonly type: WebhookType;
  /** The database's time of the event. ISO 8601. */
  readonly timestamp: string;
  readonly data: {
    readonly environment: string;
    readonly secret: string;
    readonly rotation: string;
    /** The version consumers should be on now, as far as this rotation decides it; null where there is none. */
    readonly version: number | null;
    /** Why it rolled back or parked. */
    readonly code: string | null;
    /** Rises with every webhook of a secret: a lower one than the last seen is old news. */
    readonly sequence: number;
  };
}

/** The kinds of webhook about what the policies of a parameter ask for. */
const parameterNotices = ['parameter.expiring', 'parameter.expired', 'parameter.unchanged'] as const;
export type ParameterNotice = (typeof parameterNotices)[number];

/**
 * Every type of webhook that an endpoint may ask for. `secret.overdue`: a rotation was due and has not completed.
 * `secret.exposed`: strangers have the current credential, and a rotation has begun.
 * `parameter.changed`: a plain parameter has a new version.
 */
export const webhookEvents = [
  ...webhookTypes,
  'secret.overdue',
  'secret.exposed',
  ...parameterNotices,
  'parameter.changed',
] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

/** The body of a webhook about a parameter. */
export interface ParameterBody {
  readonly type: ParameterNotice;
  /** The database's time of the look. ISO 8601. */
  readonly timestamp: string;
  readonly data: {
    readonly environment: string;
    /** `prod:/billing/limits` */
    readonly parameter: string;
    /** Its newest version, whose policies these are. */
    readonly version: number;
    /** When the policy asked for it. ISO 8601. */
    readonly dueAt: string;
    /** Rises with every webhook of a parameter. */
    readonly sequence: number;
  };
}

/** Which webhook an event is told by, given the state after it; `undefined`: none. */
export function webhookType(event: RotationEvent, state: RotationState): WebhookType | undefined {
  switch (event.kind) {
    case 'GateOpened':
      return event.step === 'canary' ? 'rotation.canary' : undefined;
    case 'StepDone':
      return event.step === 'promote' || event.step === 'swap' ? 'rotation.promoted' : undefined;
    case 'UndoDone':
      return event.step === 'promote' || event.step === 'swap' ? 'rotation.rolled_back' : undefined;
    case 'Parked':
      return 'rotation.parked';
    case 'RotationClosed':
      if (event.status === 'completed') return 'rotation.completed';
      return wasTold(state) ? undefined : 'rotation.rolled_back';
    default:
      return undefined;
  }
}

/** True where undoing the promotion has told consumers already that they are to go back. */
function wasTold(state: RotationState): boolean {
  return stepState(state, 'promote').phase === 'undone' || stepState(state, 'swap').phase === 'undone';
}

/** When to try an endpoint again after the `attempt`-th failure: the schedule Standard Webhooks recommends. */
const scheduleMs = [
  5_000,
  5 * 60_000,
  30 * 60_000,
  2 * 3_600_000,
  5 * 3_600_000,
  10 * 3_600_000,
  14 * 3_600_000,
  20 * 3_600_000,
  24 * 3_600_000,
];

/**
 * Milliseconds until the next try, at least what the endpoint asked for; null: given up. By `chance` (0 to 1) up to a tenth
 * later, so that what failed together does not come back together.
 */
export function redeliverInMs(attempt: number, retryAfterMs: number | null, chance: number): number | null {
  const delay = scheduleMs[attempt - 1];
  if (delay === undefined) return null;
  return Math.round(Math.max(delay, Math.min(retryAfterMs ?? 0, 24 * 3_600_000)) * (1 + chance / 10));
}
