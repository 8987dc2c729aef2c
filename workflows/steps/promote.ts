import {
  type Act,
  type Canary,
  type OldCredential,
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
  *undo({ plan, before }) {
    yield* moveLabelBack(plan, before.preflight, before.stage);
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
export function* moveLabelBack(plan: Plan, { old, previous }: Preflight, staged: Staged): Steps<void> {
  const current = (yield* ask('store', 'read', 'current'))?.version ?? null;
  const at = { current, from: staged.version, to: old?.version ?? null };
  const accepted = current === staged.version && old !== null ? yield* askOld(plan, old) : 'none';
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
      const moved = yield* ask('store', 'moveCurrent', { from: staged.version, to: at.to, previous });
      if (moved.current !== at.to) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
      return;
    }
    default:
      undo satisfies never;
  }
}

function* askOld(plan: Plan, old: OldCredential): Steps<'accepted' | 'refused'> {
  return (yield* refusedAt(plan, old.version)) === null ? 'accepted' : 'refused';
}
