import {
  type Act,
  type Canary,
  type Plan,
  type Preflight,
  type Steps,
  ask,
  guardPromote,
  guardUndoPromote,
  keyturnError,
} from 'keyturn/workflow';
import { refusedAt } from './named.js';
import type { Staged } from './stage.js';
import { type WayBack, ownCurrent, wayBack } from './way-back.js';

interface Before {
  readonly preflight: Preflight;
  readonly stage: Staged;
  readonly canary: Canary;
}

/** What promote hands on. */
export type Promoted = {
  readonly from: number | null;
  readonly to: number;
};

/** The pivot of what consumers see: `previous` on the old version, then `current` on the new one; then read back. */
export const promote: Act<Before, Promoted> = {
  touches: ['store'],
  guard: { gate: 'canary', judge: ({ before, moment }) => guardPromote({ moment }, before.canary) },
  *run({ plan, before }) {
    const from = before.preflight.old?.version ?? null;
    yield* moveLabel(plan, before.stage, { from, previous: from });
    return { output: { from, to: before.stage.version } };
  },
  *undo({ plan, before, meant }) {
    const own = meant ? null : yield* ownCurrent(plan);
    if (meant || own !== null)
      yield* moveLabelBack(plan, yield* wayBack(plan, before.preflight), before.stage?.version ?? own);
    else yield* leaveLabel();
  },
};

/** Moves `current` onto what this rotation staged, if it is where preflight saw it, and reads it back by content. */
export function* moveLabel(
  plan: Plan,
  staged: Staged,
  at: { readonly from: number | null; readonly previous: number | null },
): Steps<void> {
  const candidate = yield* ask('store', 'read', staged.version);
  if (candidate === null || candidate.digest !== staged.digest) {
    throw keyturnError('FOREIGN_VERSION', { version: staged.version, secret: plan.path });
  }
  const moved = yield* ask('store', 'moveCurrent', { from: at.from, to: staged.version, previous: at.previous });
  if (moved.current !== staged.version) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
  const read = yield* ask('store', 'read', 'current');
  if (read?.digest !== staged.digest) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
}

/** Moves `current` back, if this rotation put it where it is and the old credential is accepted now. */
function* moveLabelBack(plan: Plan, { version: to, previous }: WayBack, from: number | null): Steps<void> {
  const current = (yield* ask('store', 'read', 'current'))?.version ?? null;
  const at = { current, from, to };
  const accepted = current === from && to !== null ? yield* askOld(plan, to) : 'none';
  const undo = guardUndoPromote({ ...at, old: accepted });
  switch (undo.kind) {
    case 'nothing': {
      // A read may be a moment old; the store alone knows where the label is, and says so when it is asked to move it.
      const stayed = yield* ask('store', 'moveCurrent', { from: at.to, to: at.to, previous });
      if (stayed.current !== at.to) throw keyturnError('STORE_UNAVAILABLE');
      return;
    }
    case 'unsafe':
      throw keyturnError('UNDO_UNSAFE', { step: 'promote', secret: plan.path, finding: undo.finding });
    case 'move': {
      const moved = yield* ask('store', 'moveCurrent', { from, to, previous });
      if (moved.current !== at.to) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
      return;
    }
    default:
      undo satisfies never;
  }
}

/** The label is not of this rotation, and stays: if it is really there, which a read may not know yet. */
function* leaveLabel(): Steps<void> {
  const at = (yield* ask('store', 'read', 'current'))?.version ?? null;
  const previous = (yield* ask('store', 'read', 'previous'))?.version ?? null;
  const stayed = yield* ask('store', 'moveCurrent', { from: at, to: at, previous });
  if (stayed.current !== at) throw keyturnError('STORE_UNAVAILABLE');
}

function* askOld(plan: Plan, version: number): Steps<'accepted' | 'refused'> {
  return (yield* refusedAt(plan, version)) === null ? 'accepted' : 'refused';
}
