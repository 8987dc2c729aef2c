import { type Plan, type Preflight, type Steps, ask } from 'keyturn/workflow';

/** Where the labels go back to. */
export interface WayBack {
  /** Where `current` was before this rotation; null: nowhere. */
  readonly version: number | null;
  readonly previous: number | null;
}

/**
 * Where this rotation came from: as its preflight saw it; where the journal has lost that, as the labels tell. Promote puts
 * `previous` where `current` was, and nobody but this rotation puts `current` on a version of its own.
 */
export function* wayBack(plan: Plan, preflight: Preflight | undefined): Steps<WayBack> {
  if (preflight !== undefined) return { version: preflight.old?.version ?? null, previous: preflight.previous };
  const current = yield* ask('store', 'read', 'current');
  const previous = (yield* ask('store', 'read', 'previous'))?.version ?? null;
  if (current?.rotationId === plan.rotationId) return { version: previous, previous: null };
  return { version: current?.version ?? null, previous };
}

/** The version of this rotation that `current` is on, whatever the journal knows of it; null: it is on none. */
export function* ownCurrent(plan: Plan): Steps<number | null> {
  const current = yield* ask('store', 'read', 'current');
  return current?.rotationId === plan.rotationId ? current.version : null;
}

/**
 * Identities that live at the target and carry the tag of this rotation. Only asked where the target can list. Where it
 * keeps no tag (`exclusive`), what was not there before; where nobody wrote down what was, none.
 */
export function* tagged(plan: Plan, existing?: readonly string[]): Steps<readonly string[]> {
  const listed = yield* ask('target', 'list');
  const isOurs = ({ identity, rotationId }: (typeof listed)[number]): boolean =>
    rotationId === null
      ? plan.capabilities.exclusive === true && existing?.includes(identity) === false
      : rotationId === plan.rotationId;
  return listed.filter((each) => each.live && isOurs(each)).map((each) => each.identity);
}

/** True where the world shows that this rotation passed its preflight, of which the journal knows nothing. */
export function* hasBegun(plan: Plan): Steps<boolean> {
  if ((yield* ownCurrent(plan)) !== null) return true;
  return plan.capabilities.list && (yield* tagged(plan)).length > 0;
}
