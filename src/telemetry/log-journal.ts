import { parkedCureOf } from '../core/errors.js';
import type { Failure, Recorded, RotationEvent } from '../core/rotation-event.js';
import type { Log, LogLevel } from './log.js';

/** Told of what was appended to a journal, after the commit. */
export type JournalSubscriber = (rotationId: string, secret: string, recorded: readonly Recorded[]) => void;

interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * Log what you journal: one line per event, with a constant message and the event's facts as fields.
 * `info`: a rotation moved. `warn`: it will be tried again. `error`: a person is needed. `debug`: the rest.
 */
export function logJournal(log: Log): JournalSubscriber {
  return (rotationId, secret, recorded) => {
    for (const { seq, epoch, event } of recorded) {
      const { level, message, facts } = lineOf(event);
      log[level]({ rotationId, secret, seq, epoch, ...facts }, message);
    }
  };
}

function lineOf(event: RotationEvent): Line {
  switch (event.kind) {
    case 'RotationRequested': {
      const { workflow, trigger, reason, requestedBy, repair } = event.plan;
      const facts = { workflow: workflow.name, workflowNumber: workflow.number, trigger, reason, requestedBy, repair };
      return { level: 'info', message: 'rotation requested', facts };
    }
    case 'StepIntended':
      return { level: 'debug', message: 'step intended', facts: { step: event.step, attempt: event.attempt } };
    case 'StepDone':
      return { level: 'info', message: 'step done', facts: { step: event.step, tookMs: event.tookMs } };
    case 'StepFailed':
      return failed('step failed', event);
    case 'GateOpened':
      return { level: 'info', message: 'gate opened', facts: { step: event.step } };
    case 'GateWaiting': {
      const { step, why, againInMs } = event;
      return { level: 'debug', message: 'gate waiting', facts: { step, why, againInMs } };
    }
    case 'GateReopened':
      return { level: 'debug', message: 'gate reopened', facts: { step: event.step, why: event.why } };
    case 'FenceRaised':
      return { level: 'debug', message: 'fence raised', facts: {} };
    case 'EraEntered':
      return { level: 'warn', message: 'era entered', facts: { era: event.era } };
    case 'ValueReplaced':
      return { level: 'warn', message: 'value replaced', facts: { step: event.step, code: event.code } };
    case 'RollbackDecided':
      return { level: 'info', message: 'roll-back decided', facts: { code: event.code, facts: event.facts } };
    case 'DestroyDecided':
      return { level: 'info', message: 'destroy decided', facts: {} };
    case 'TakeBackDecided': {
      const { step, code, facts } = event;
      return { level: 'warn', message: 'take-back decided', facts: { step, code, facts } };
    }
    case 'UndoIntended':
      return { level: 'debug', message: 'undo intended', facts: { step: event.step, attempt: event.attempt } };
    case 'UndoDone':
      return { level: 'info', message: 'undo done', facts: { step: event.step, tookMs: event.tookMs } };
    case 'UndoFailed':
      return failed('undo failed', event);
    case 'Parked': {
      const { code, facts } = event;
      return { level: 'error', message: 'rotation parked', facts: { code, facts, cure: parkedCureOf(code, facts) } };
    }
    case 'CommandTaken': {
      const { command, commandId, by, reason } = event;
      return { level: 'info', message: 'command taken', facts: { command, commandId, by, reason } };
    }
    case 'RotationClosed':
      return { level: 'info', message: 'rotation closed', facts: { status: event.status } };
    default:
      return event satisfies never;
  }
}

function failed(message: string, { step, code, facts, certain, retryInMs }: Failure): Line {
  return { level: 'warn', message, facts: { step, code, facts, certain, retryInMs } };
}
