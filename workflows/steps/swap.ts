import {
  type Act,
  type Plan,
  type Preflight,
  type Steps,
  ask,
  everywhere,
  keyturnError,
  whereAnswered,
} from 'keyturn/workflow';
import { openNew, openStored } from './named.js';
import { moveLabel } from './promote.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';

interface Before {
  readonly preflight: Preflight;
  readonly propose: Proposed;
  readonly stage: Staged;
}

/** What swap hands on. */
export type Swapped = {
  readonly identity: string;
  readonly from: number | null;
  readonly to: number;
};

/**
 * Where only one credential can live: makes the new one live, which kills the old one, and promotes it, as **one**
 * intent with no commit between. The gap in which `current` names a dead value lasts from the target's commit to the
 * store's; after a crash in it, until the next executor has finished the step: lease + 2 s + the store's retries.
 */
export const swap: Act<Before, Swapped> = {
  touches: ['target', 'store'],
  *run({ plan, before }) {
    const from = before.preflight.old?.version ?? null;
    const credential = yield* openNew(plan, before.propose.identity);
    const { identity } = yield* ask('target', 'create', credential);
    yield* moveLabel(plan, before.stage, { from, previous: from });
    const answers = yield* ask('target', 'verify', { identity, value: credential.value });
    const refused = whereAnswered(answers, 'refused', 'absent');
    if (refused !== undefined) throw keyturnError('VERIFY_REFUSED', { secret: plan.path, endpoint: refused.endpoint });
    if (!everywhere(answers, 'accepted')) {
      throw keyturnError('TARGET_UNREACHABLE', {
        target: plan.target,
        endpoint: whereAnswered(answers, 'unknown')?.endpoint ?? '?',
      });
    }
    return { output: { identity, from, to: before.stage.version } };
  },
  /** Runs under the raised fence only: the old value is written back, then the label goes back to it. */
  *undo({ plan, before }) {
    yield* swapBack(plan, before);
  },
};

function* swapBack(plan: Plan, { preflight, propose, stage }: Before): Steps<void> {
  const { old, previous } = preflight;
  const current = (yield* ask('store', 'read', 'current'))?.version ?? null;
  if (current !== stage.version && current !== (old?.version ?? null)) {
    throw keyturnError('UNDO_UNSAFE', {
      step: 'swap',
      secret: plan.path,
      finding: 'the label `current` is not where this rotation put it',
    });
  }
  if (old === null) {
    // Not from where a read saw it, which may be a moment old: the store alone knows, and what it names is not destroyed.
    const taken = yield* ask('store', 'moveCurrent', { from: stage.version, to: null, previous });
    if (taken.current !== null) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
    yield* ask('target', 'destroy', propose.identity, { createdBy: plan.rotationId });
    return;
  }
  const credential = yield* openStored(plan, old.version);
  yield* ask('target', 'create', credential);
  const moved = yield* ask('store', 'moveCurrent', { from: stage.version, to: old.version, previous });
  if (moved.current !== old.version) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
}
