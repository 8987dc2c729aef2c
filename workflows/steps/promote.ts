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
import type { Created } from './create.js';
import { openStored, refusedAt } from './named.js';
import type { Staged } from './stage.js';
import { type WayBack, ownCurrent, wayBack } from './way-back.js';

interface Before {
  readonly preflight: Preflight;
  /** On the way back only. */
  readonly create?: Created;
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
    const put = { version: before.stage?.version ?? own, identity: before.create?.identity };
    if (meant || own !== null) yield* moveLabelBack(plan, yield* wayBack(plan, before.preflight), put);
    else yield* leaveLabel((yield* ask('store', 'read', 'current'))?.version ?? null);
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

/** What this rotation put the label onto. */
interface Own {
  readonly version: number | null;
  /** Undefined where the journal has lost it. */
  readonly identity: string | undefined;
}

/** Moves `current` back, if this rotation put it where it is and what it would name then is accepted now. */
function* moveLabelBack(plan: Plan, { version: to, previous }: WayBack, own: Own): Steps<void> {
  const from = own.version;
  const current = (yield* ask('store', 'read', 'current'))?.version ?? null;
  const at = { current, from, to };
  const undo = guardUndoPromote({ ...at, ...(yield* askNamed(plan, at, own)) });
  switch (undo.kind) {
    case 'nothing': {
      // A read may be a moment old; the store alone knows where the label is, and says so when it is asked to move it.
      const stayed = yield* ask('store', 'moveCurrent', { from: at.to, to: at.to, previous });
      if (stayed.current !== at.to) throw keyturnError('STORE_UNAVAILABLE');
      return;
    }
    case 'stays':
      return yield* leaveLabel(current);
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

/** The label is not of this rotation, and stays: if it is really where it was read, which may be a moment old. */
function* leaveLabel(at: number | null): Steps<void> {
  const previous = (yield* ask('store', 'read', 'previous'))?.version ?? null;
  const stayed = yield* ask('store', 'moveCurrent', { from: at, to: at, previous });
  if (stayed.current !== at) throw keyturnError('STORE_UNAVAILABLE');
}

type UndoPromote = Parameters<typeof guardUndoPromote>[0];

/** What the label names where it stays, or would name where it goes back; and what it would leave behind. */
function* askNamed(
  plan: Plan,
  { current, from, to }: Omit<UndoPromote, 'named' | 'left'>,
  own: Own,
): Steps<Pick<UndoPromote, 'named' | 'left'>> {
  if (current === to) return { named: 'none', left: 'none' };
  if (current === from) return { named: to === null ? 'none' : yield* askAccepted(plan, to), left: 'none' };
  if (current === null) return { named: 'none', left: 'none' };
  const { identity } = yield* openStored(plan, current);
  if (identity === own.identity) return { named: 'new', left: 'none' };
  const named = yield* askAccepted(plan, current);
  const isLeft = to !== null && (yield* openStored(plan, to)).identity !== identity;
  return { named, left: isLeft ? yield* askAccepted(plan, to) : 'none' };
}

function* askAccepted(plan: Plan, version: number): Steps<'accepted' | 'refused'> {
  return (yield* refusedAt(plan, version)) === null ? 'accepted' : 'refused';
}
