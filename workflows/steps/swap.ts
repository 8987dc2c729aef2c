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
import { openNew, openStored, refusedAt } from './named.js';
import { moveLabel } from './promote.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';
import { type WayBack, hasBegun, ownCurrent, tagged, wayBack } from './way-back.js';

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
    // The new value kills whatever is live: nothing but what preflight saw, and our own from an earlier try.
    const current = (yield* ask('store', 'read', 'current'))?.version ?? null;
    if (current !== from && current !== before.stage.version) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
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
  *undo({ plan, before, meant }) {
    const back = yield* wayBack(plan, before.preflight);
    if (meant || (yield* isReplaced(plan, back))) yield* swapBack(plan, before, back);
  },
};

/** Whether what is lost has replaced the old value. Its own value was never shown to anybody where nothing has. */
function* isReplaced(plan: Plan, { version }: WayBack): Steps<boolean> {
  if (plan.capabilities.list) return yield* hasBegun(plan);
  if ((yield* ownCurrent(plan)) !== null) return true;
  if (version === null || (yield* refusedAt(plan, version)) === null) return false;
  const finding = `version ${version} is refused, and nobody can say whether this rotation replaced it`;
  throw keyturnError('UNDO_UNSAFE', { step: 'swap', secret: plan.path, finding });
}

function* swapBack(plan: Plan, { propose, stage }: Partial<Before>, back: WayBack): Steps<void> {
  const { version: to, previous } = back;
  const current = (yield* ask('store', 'read', 'current'))?.version ?? null;
  const from = stage?.version ?? (yield* ownCurrent(plan));
  if (current !== from && current !== to) {
    throw keyturnError('UNDO_UNSAFE', {
      step: 'swap',
      secret: plan.path,
      finding: 'the label `current` is not where this rotation put it',
    });
  }
  if (to === null) {
    // Not from where a read saw it, which may be a moment old: the store alone knows, and what it names is not destroyed.
    const taken = yield* ask('store', 'moveCurrent', { from, to, previous });
    if (taken.current !== null) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
    const made = propose === undefined ? yield* tagged(plan) : [propose.identity];
    for (const identity of made) yield* ask('target', 'destroy', identity, { createdBy: plan.rotationId });
    return;
  }
  const credential = yield* openStored(plan, to);
  yield* ask('target', 'create', credential);
  const moved = yield* ask('store', 'moveCurrent', { from, to, previous });
  if (moved.current !== to) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
}
