import { keyturnError } from '../../core/errors.js';
import { shadowSuffix } from '../../core/parameter-path.js';
import type { Bound, Scope, StorePort, StoredVersion } from '../../ports/step-ports.js';
import type { HistoryEntry } from './ssm-calls.js';
import { type MirrorLook, SsmMirror } from './ssm-mirror.js';
import { findingsOf, mirrorFindingsOf } from './ssm-preflight.js';
import {
  type Move,
  SsmStore,
  type SsmStoreParts,
  isBack,
  patienceMs,
  pause,
  positionOf,
  refuseRecreated,
  refuseUnheld,
} from './ssm-store.js';

/**
 * AWS SSM Parameter Store for consumers that read bare names. Versions and labels are in a parameter beside the bare one;
 * the bare one repeats the value of the version that is current. What consumers read decides: `current` is what stands
 * under the bare name, and the label follows it.
 *
 * *Errors* as those of `ssmStore`, and `FOREIGN_VERSION` where somebody else has put a value under the bare name.
 */
export function shadowStore(parts: SsmStoreParts): Bound<StorePort> {
  const versions = new SsmStore(parts, shadowSuffix);
  const shadow = new ShadowStore(parts, versions);
  return {
    read: (scope, selector) => (selector === 'current' ? shadow.current(scope) : versions.read(scope, selector)),
    preflight: (scope, current) => shadow.preflight(scope, current),
    putPending: (scope, value) => versions.alone(scope, () => versions.putPending(scope, value)),
    moveCurrent: (scope, move) => versions.alone(scope, () => shadow.moveCurrent(scope, move)),
    retirePending: (scope, version) => versions.alone(scope, () => versions.retirePending(scope, version)),
  };
}

/** Both parameters of a secret, as they were at one moment. */
interface Seen extends MirrorLook {
  readonly entries: readonly HistoryEntry[];
}

class ShadowStore {
  readonly #parts: SsmStoreParts;
  readonly #versions: SsmStore;
  readonly #mirror: SsmMirror;

  constructor(parts: SsmStoreParts, versions: SsmStore) {
    this.#parts = parts;
    this.#versions = versions;
    this.#mirror = new SsmMirror(parts, versions.calls);
  }

  /** What consumers read. Where the label is elsewhere a promotion is half done, or what is read is a moment old. */
  async current(scope: Scope): Promise<StoredVersion | null> {
    for (const waitMs of [0, ...patienceMs]) {
      await pause(waitMs, scope);
      const [{ stored, entries }, digest] = await Promise.all([
        this.#versions.readAmong(scope, 'current'),
        this.#mirror.digest(scope),
      ]);
      // Preflight has more to say of a bare parameter that has no history.
      if (digest === (stored?.digest ?? null) || entries.length === 0) return stored;
      stored?.value.wipe();
    }
    const version = currentOf(scope, await this.#see(scope));
    if (version === null) return null;
    const stored = await this.#versions.read(scope, version);
    return stored === null ? null : { ...stored, labels: withCurrent(stored.labels) };
  }

  async preflight(scope: Scope, current: number | null) {
    const seen = await this.#see(scope);
    const { entries, mirrored, kept } = seen;
    if (entries.length === 0) {
      if (current !== null) throw keyturnError('STORE_UNAVAILABLE');
      return mirrorFindingsOf(scope, { entries, mirrored, kept });
    }
    if (currentOf(scope, seen) !== current) throw keyturnError('STORE_UNAVAILABLE');
    return [...findingsOf(ofHistory(scope), entries), ...mirrorFindingsOf(scope, seen)];
  }

  /**
   * `previous` first, so that there is always a way back; then the put that consumers see; then the label. What is
   * missing is done, whatever of it was done before.
   */
  async moveCurrent(scope: Scope, move: Move): Promise<{ readonly current: number | null }> {
    const seen = await this.#see(scope, (each) => elsewhere(scope, each, move) === undefined);
    const other = elsewhere(scope, seen, move);
    if (other !== undefined) return other;
    const { to, previous } = move;
    const urgent = isBack(move);
    const label = positionOf(seen.entries, 'current');
    if (to !== null && seen.mirrored?.of !== to) {
      refuseUnheld(seen.entries, move);
      if (label !== to) refuseRecreated(scope, seen.entries, move);
      const stayed = await this.#versions.moveCurrent(scope, { from: label, to: label, previous }, urgent);
      if (stayed.current !== label) return stayed;
      const moved = await this.#put(scope, { ...move, to }, urgent);
      if (moved !== undefined) return moved;
    }
    return this.#versions.moveCurrent(scope, { from: label, to, previous }, urgent);
  }

  /** *Returns* where somebody else has put `current` meanwhile. Then nothing was put. */
  async #put(scope: Scope, move: Move & { readonly to: number }, urgent: boolean) {
    const { sends } = this.#parts;
    // Never a second one: what was sent may still arrive, and SSM would take both, in any order.
    if ((await sends.unsettledMs(scope)) > 0 && !(await this.#hasArrived(scope)))
      throw keyturnError('STORE_UNAVAILABLE');
    await sends.turn(scope, { what: 'put', urgent });
    // So that nobody's value is written over, it is looked for once more as late as can be.
    const now = await this.#see(scope);
    const other = elsewhere(scope, now, move);
    if (other !== undefined) return other;
    const digest = await this.#mirror.put(scope, move.to, now.kept);
    // By its content: more than one version may have it.
    const after = await this.#see(scope, ({ mirrored }) => mirrored?.digest === digest);
    refuseForeign(scope, after);
    if (after.mirrored?.digest !== digest) throw keyturnError('STORE_UNAVAILABLE');
    return undefined;
  }

  /** Has the last put of this rotation been seen? */
  async #hasArrived(scope: Scope): Promise<boolean> {
    const { entries, mirrored } = await this.#see(scope);
    const repeats = await this.#parts.sends.mirrored(scope);
    if (repeats !== null) return mirrored?.digest === repeats;
    return entries.some(({ mark }) => mark?.rotationId === scope.plan.rotationId);
  }

  /** Both parameters, once they show this, or as they are after a while. A value that no version has may be read too early. */
  async #see(scope: Scope, shows: (seen: Seen) => boolean = () => true): Promise<Seen> {
    let seen = await this.#look(scope);
    for (const waitMs of patienceMs) {
      if (!isForeign(seen) && shows(seen)) break;
      await pause(waitMs, scope);
      seen = await this.#look(scope);
    }
    return seen;
  }

  async #look(scope: Scope): Promise<Seen> {
    const entries = await this.#versions.calls.history(scope);
    return { entries, ...(await this.#mirror.look(scope, entries)) };
  }
}

const isForeign = ({ entries, mirrored }: Seen): boolean =>
  entries.length > 0 && mirrored !== null && mirrored.of === null;

function refuseForeign({ plan }: Scope, seen: Seen): void {
  if (isForeign(seen))
    throw keyturnError('FOREIGN_VERSION', { version: seen.mirrored?.version ?? 0, secret: plan.path });
}

/**
 * The version that consumers read. Without the label there is none: what stands under the bare name then is left from a
 * first credential that was undone, or the label of one is on its way. A bare name that somebody has deleted is made again
 * by the next move. *Errors* `FOREIGN_VERSION`.
 */
function currentOf(scope: Scope, seen: Seen): number | null {
  refuseForeign(scope, seen);
  const { entries, mirrored } = seen;
  const label = positionOf(entries, 'current');
  return label === null ? null : (mirrored?.of ?? label);
}

/**
 * Somebody has put `current` where neither end of this move is: the value under the bare name, or the label, where it is
 * not on the version of this rotation, whose own label may land late. A later one with the same mark is somebody's who
 * has put without a description. *Returns* where; undefined: nobody has.
 */
function elsewhere(scope: Scope, seen: Seen, { from, to }: Move): { readonly current: number | null } | undefined {
  const current = currentOf(scope, seen);
  if (current !== from && current !== to) return { current };
  const label = positionOf(seen.entries, 'current');
  const own = seen.entries.find(({ mark }) => mark?.rotationId === scope.plan.rotationId);
  if (label === from || label === to || label === own?.version) return undefined;
  return { current: label };
}

/** The scope whose messages name the parameter with the history. */
function ofHistory(scope: Scope): Scope {
  return { ...scope, plan: { ...scope.plan, secret: `${scope.plan.secret}${shadowSuffix}` } };
}

const withCurrent = (labels: StoredVersion['labels']): StoredVersion['labels'] => [
  'current',
  ...labels.filter((each) => each !== 'current'),
];
