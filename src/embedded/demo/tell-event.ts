import type { RotationEvent } from '../../core/rotation-event.js';

/** A line of the timeline. */
export interface Told {
  readonly step: string;
  readonly text: string;
}

const done: Readonly<Record<string, string>> = {
  preflight: 'the current credential works, and nothing stands in the way',
  propose: 'a new value is chosen and sealed, before anybody else hears of it',
  create: 'the new credential is alive; the old one as well',
  stage: 'the new version is in the store, as `pending`',
  canary: 'we logged in with it, and those who go first tried it and proved it',
  promote: '`current` names the new version',
  drain: 'whoever uses it has proved, or is answered for, and the old one is quiet',
  disable: 'the old credential is switched off, and could be switched on again',
  watch: 'nobody has asked for it',
  destroy: 'the old credential is gone, and a login with it is refused',
};

const doneFirst: Readonly<Record<string, string>> = {
  ...done,
  preflight: 'there is no credential yet, and nothing stands in the way',
  create: 'the first credential is alive',
  drain: 'every application proved that it uses it',
  disable: 'there is no old one to switch off',
  watch: 'everything works',
  destroy: 'there is no old one to destroy',
};

const undone: Readonly<Record<string, string>> = {
  stage: 'undone: the pending version is retired',
  create: 'undone: the new credential is gone, and a login with it is refused',
  propose: 'undone: the new value is forgotten',
  promote: 'undone: `current` names the old version again',
  disable: 'undone: the old credential is switched on again',
};

/** What an event means, in plain words; undefined for what is not worth a line. */
export function tellEvent(event: RotationEvent, hasOld: boolean): Told | undefined {
  switch (event.kind) {
    case 'RotationRequested':
      return { step: '', text: `asked for: ${event.plan.reason} (rotation ${event.plan.rotationId})` };
    case 'StepDone':
      return { step: event.step, text: (hasOld ? done : doneFirst)[event.step] ?? 'done' };
    case 'UndoDone':
      return { step: event.step, text: undone[event.step] ?? 'undone' };
    case 'StepFailed':
    case 'UndoFailed':
      return { step: event.step, text: `failed (${event.code}), and will be tried again` };
    case 'FenceRaised':
      return {
        step: '',
        text: 'the fence is raised: what an earlier worker may still have sent is refused from now on',
      };
    case 'EraEntered':
      return { step: '', text: 'the state database was older than it had been: every step is looked at again' };
    case 'RollbackDecided':
      return { step: '', text: `turns back (${event.code})` };
    case 'TakeBackDecided':
      return { step: event.step, text: `is taken back (${event.code})` };
    case 'DestroyDecided':
      return { step: '', text: 'all evidence is there: from here the only way is forward' };
    case 'Parked':
      return { step: '', text: `parked (${event.code})` };
    case 'RotationClosed':
      return { step: '', text: event.status.replace('_', ' ') };
    case 'StepIntended':
    case 'GateOpened':
    case 'GateWaiting':
    case 'GateReopened':
    case 'ValueReplaced':
    case 'UndoIntended':
    case 'CommandTaken':
      return undefined;
    default:
      return event satisfies never;
  }
}
