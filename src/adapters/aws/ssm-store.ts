import { setTimeout as delay } from 'node:timers/promises';
import { isKeyturnError, keyturnError } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { Keyring } from '../../ports/keyring.js';
import type { Bound, Label, Scope, StorePort, StoredVersion, VersionSelector } from '../../ports/step-ports.js';
import { type HistoryEntry, type LabelMove, SsmCalls, type SsmParts } from './ssm-calls.js';
import { findingsOf } from './ssm-preflight.js';
import { marked } from './ssm-mark.js';
import { refuseUnfit } from './ssm-value.js';

/** What the adapter works with. */
export interface SsmStoreParts extends SsmParts {
  readonly keyring: Pick<Keyring, 'digest'>;
}

const managedLabels: readonly Label[] = ['current', 'pending', 'previous'];

/** How long a read may lag behind a write before the engine is told to come again. Milliseconds, one after another. */
export const patienceMs: readonly number[] = [100, 300, 900];

/**
 * AWS SSM Parameter Store. It cannot refuse what an executor sends that has lost its lease: each write is sent once, after
 * the database has said that it may be, and a put whose outcome is unknown is waited for until it is seen or dead.
 *
 * *Errors* of writes: `STORE_STALE`, `STORE_UNAVAILABLE`, `STORE_DENIED`, `VERSION_LIMIT`, `CLOCK_SKEWED`, those of the
 * keyring for what KMS says.
 */
export function ssmStore(parts: SsmStoreParts): Bound<StorePort> {
  const store = new SsmStore(parts);
  return {
    read: (scope, selector) => store.read(scope, selector),
    preflight: async (scope, current) => {
      const entries = await store.calls.history(scope);
      if (positionOf(entries, 'current') !== current) throw keyturnError('STORE_UNAVAILABLE');
      return findingsOf(scope, entries);
    },
    putPending: (scope, value) => store.alone(scope, () => store.putPending(scope, value)),
    moveCurrent: (scope, move) => store.alone(scope, () => store.moveCurrent(scope, move)),
    retirePending: (scope, version) => store.alone(scope, () => store.retirePending(scope, version)),
  };
}

/** See `StorePort.moveCurrent`. */
export interface Move {
  readonly from: number | null;
  readonly to: number | null;
  readonly previous: number | null;
}

/** The versions and labels of every secret, each in a parameter of its own. */
export class SsmStore {
  readonly calls: SsmCalls;
  readonly #parts: SsmStoreParts;
  readonly #writing = new Map<string, Promise<unknown>>();

  /** `suffix` stands after the path of every secret. */
  constructor(parts: SsmStoreParts, suffix = '') {
    this.calls = new SsmCalls(parts, suffix);
    this.#parts = parts;
  }

  /** Writes of one secret follow each other: each begins by reading what the one before has done. */
  async alone<T>(scope: Scope, write: () => Promise<T>): Promise<T> {
    const { secret } = scope.plan;
    const before = this.#writing.get(secret) ?? Promise.resolve();
    const mine = before.then(async () => {
      try {
        await this.#assertHeld(scope);
        return await write();
      } catch (thrown) {
        throw settledWhere(thrown);
      }
    });
    const settled = mine.then(ignore, ignore);
    this.#writing.set(secret, settled);
    await settled;
    if (this.#writing.get(secret) === settled) this.#writing.delete(secret);
    return mine;
  }

  /** As `StorePort.read`. */
  async read(scope: Scope, selector: VersionSelector): Promise<StoredVersion | null> {
    if (typeof selector === 'number' && !isVersion(selector)) return null;
    return (await this.readAmong(scope, selector)).stored;
  }

  /** A value and where it stands, once the two ways of asking for it agree: each of them may be a moment old. */
  async readAmong(
    scope: Scope,
    selector: VersionSelector,
  ): Promise<{ readonly stored: StoredVersion | null; readonly entries: readonly HistoryEntry[] }> {
    for (const waitMs of [0, ...patienceMs]) {
      await pause(waitMs, scope);
      const [found, entries] = await Promise.all([this.calls.value(scope, selector), this.calls.history(scope)]);
      const entry = entries.find((each) =>
        typeof selector === 'number' ? each.version === selector : each.labels.includes(selector),
      );
      if (found === null && entry === undefined) return { stored: null, entries };
      if (found !== null && found.version === entry?.version)
        return { stored: this.#stored(scope, found, entry), entries };
      found?.value.wipe();
    }
    throw keyturnError('STORE_UNAVAILABLE');
  }

  async putPending(scope: Scope, value: Secret): Promise<{ readonly version: number; readonly digest: string }> {
    refuseUnfit(scope, value);
    const entries = await this.calls.history(scope);
    const put = (await this.#putBefore(scope, entries)) ?? (await this.#put(scope, value, entries));
    // A promotion has taken the label off, and it does not come back.
    const isPromoted = positionOf(entries, 'current') === put.version;
    if (!isPromoted && positionOf(entries, 'pending') !== put.version) {
      await this.#label(scope, { version: put.version, labels: ['pending'], remove: false }, false);
    }
    if (!isPromoted) {
      await this.#see(scope, (seen) =>
        seen.some(({ version, labels }) => version === put.version && labels.includes('pending')),
      );
    }
    return put;
  }

  /** The version that this rotation has put. A description may outlive its value, so the two are compared. */
  async #putBefore(scope: Scope, entries: readonly HistoryEntry[]) {
    for (const { version, mark } of entries) {
      if (mark?.rotationId !== scope.plan.rotationId) continue;
      const found = await this.calls.value(scope, version);
      if (found === null) throw keyturnError('STORE_UNAVAILABLE');
      const digest = this.#digest(scope, found.value);
      found.value.wipe();
      if (digest === mark.digest) return { version, digest };
    }
    return undefined;
  }

  async #put(scope: Scope, value: Secret, entries: readonly HistoryEntry[]) {
    const { secret, rotationId } = scope.plan;
    const digest = this.#digest(scope, value);
    if (entries.some(({ mark }) => mark?.digest === digest))
      throw keyturnError('VALUE_UNFIT', { secret, finding: 'it is one the secret has had before' });
    // Never a second one: what was sent may still arrive, and SSM would take both.
    if ((await this.#parts.sends.unsettledMs(scope)) > 0) throw keyturnError('STORE_UNAVAILABLE');
    await this.#parts.sends.turn(scope, { what: 'put', urgent: false });
    const description = marked(entries.at(-1)?.description ?? '', { rotationId, digest });
    return { version: await this.calls.put(scope, { value, description }), digest };
  }

  /** As `StorePort.moveCurrent`. `urgent`: its turn comes first. */
  async moveCurrent(scope: Scope, move: Move, urgent = isBack(move)): Promise<{ readonly current: number | null }> {
    const entries = await this.#look(scope, (seen) => !isElsewhere(seen, move));
    const current = positionOf(entries, 'current');
    if (isElsewhere(entries, move)) return { current };
    refuseUnheld(entries, move);
    const steps = labelMoves(entries, move);
    if (steps.length === 0) return { current: move.to };
    if (current !== move.to) refuseRecreated(scope, entries, move);
    for (const step of steps) {
      await this.#parts.sends.turn(scope, { what: 'label', urgent });
      // SSM moves a label from wherever it is. So that nobody's is moved, it is looked for once more as late as can be.
      const now = await this.calls.history(scope);
      if (isElsewhere(now, move)) return { current: positionOf(now, 'current') };
      await this.calls.label(scope, step);
    }
    const after = await this.#see(scope, (seen) => labelMoves(seen, move).length === 0 || isElsewhere(seen, move));
    return { current: positionOf(after, 'current') };
  }

  async retirePending(scope: Scope, version: number): Promise<void> {
    const entries = await this.calls.history(scope);
    const entry = entries.find((each) => each.version === version);
    // The number may be of a parameter that somebody has made anew: what is not ours keeps its labels.
    if (entry?.mark?.rotationId !== scope.plan.rotationId || !entry.labels.includes('pending')) return;
    await this.#label(scope, { version, labels: ['pending'], remove: true }, true);
    await this.#see(scope, (seen) => positionOf(seen, 'pending') !== version);
  }

  async #label(scope: Scope, move: LabelMove, urgent: boolean): Promise<void> {
    await this.#parts.sends.turn(scope, { what: 'label', urgent });
    await this.calls.label(scope, move);
  }

  /** The history, once it shows this, or as it is after a while. */
  async #look(scope: Scope, shows: (entries: readonly HistoryEntry[]) => boolean): Promise<readonly HistoryEntry[]> {
    for (const waitMs of patienceMs) {
      const entries = await this.calls.history(scope);
      if (shows(entries)) return entries;
      await pause(waitMs, scope);
    }
    return this.calls.history(scope);
  }

  /** The history, once it shows what was written. *Errors* `STORE_UNAVAILABLE` where it does not. */
  async #see(scope: Scope, shows: (entries: readonly HistoryEntry[]) => boolean): Promise<readonly HistoryEntry[]> {
    const entries = await this.#look(scope, shows);
    if (!shows(entries)) throw keyturnError('STORE_UNAVAILABLE');
    return entries;
  }

  async #assertHeld(scope: Scope): Promise<void> {
    const nowMs = await this.#parts.sends.admit(scope, 'label');
    if (nowMs === null) throw keyturnError('STORE_STALE', { secret: scope.plan.secret });
  }

  #stored(
    scope: Scope,
    { version, value }: { readonly version: number; readonly value: Secret },
    { mark, labels }: HistoryEntry,
  ): StoredVersion {
    const digest = this.#digest(scope, value);
    return {
      version,
      value,
      digest,
      rotationId: mark?.digest === digest ? mark.rotationId : null,
      labels: managedLabels.filter((label) => labels.includes(label)),
    };
  }

  #digest({ plan: { environment, secret } }: Scope, value: Secret): string {
    return this.#parts.keyring.digest(value, { environment, secret });
  }
}

/** True where something is taken back, rather than promoted. */
export function isBack({ from, to }: Move): boolean {
  return to === null || (from !== null && to < from);
}

/** Where a label is; null: nowhere. */
export function positionOf(entries: readonly HistoryEntry[], label: Label): number | null {
  return entries.find(({ labels }) => labels.includes(label))?.version ?? null;
}

/** The fewest calls that put the labels where they belong: `previous` first, so that there is always a way back. */
function labelMoves(entries: readonly HistoryEntry[], { to, previous }: Move): readonly LabelMove[] {
  const kept = entries.some(({ version }) => version === previous) ? previous : null;
  const pending = positionOf(entries, 'pending');
  return [
    ...moveOf(entries, 'previous', kept),
    ...moveOf(entries, 'current', to),
    ...(to !== null && pending === to ? [{ version: to, labels: ['pending'], remove: true }] : []),
  ];
}

function moveOf(entries: readonly HistoryEntry[], label: Label, to: number | null): readonly LabelMove[] {
  const at = positionOf(entries, label);
  if (at === to) return [];
  if (to !== null) return [{ version: to, labels: [label], remove: false }];
  return at === null ? [] : [{ version: at, labels: [label], remove: true }];
}

/** Somebody has put `current` where neither end of this move is. A read that shows the old end may only be old. */
function isElsewhere(entries: readonly HistoryEntry[], { from, to }: Move): boolean {
  const current = positionOf(entries, 'current');
  return current !== from && current !== to;
}

/** *Errors* `STORE_DENIED` for a move to a version that is not there. */
export function refuseUnheld(entries: readonly HistoryEntry[], { to }: Move): void {
  if (to === null || entries.some(({ version }) => version === to)) return;
  throw keyturnError('STORE_DENIED', { action: `moving current to version ${to}, which it does not hold` });
}

/**
 * What is thrown here leaves nothing that may still arrive, unless a request said so: it had its answer, or was never
 * sent. The engine need not wait then before it goes on.
 */
function settledWhere(thrown: unknown): unknown {
  if (!isKeyturnError(thrown) || thrown.class !== 'retry' || thrown.facts['outcome'] === 'unknown') return thrown;
  return keyturnError(thrown.code, { ...thrown.facts, outcome: 'none' }, thrown.cause);
}

/**
 * A parameter that was deleted and made anew counts from 1 again, and its numbers name other values. One end of every
 * move was put by a rotation. *Errors* `FOREIGN_VERSION`.
 */
export function refuseRecreated({ plan }: Scope, entries: readonly HistoryEntry[], { from, to }: Move): void {
  const isOurs = entries.some(({ version, mark }) => mark !== null && (version === from || version === to));
  if (!isOurs) throw keyturnError('FOREIGN_VERSION', { version: to ?? from, secret: plan.path });
}

/** As SSM numbers them. */
const isVersion = (version: number): boolean => Number.isInteger(version) && version >= 1 && version < 2 ** 31;

/** Waits, at most until the call is given up. */
export async function pause(ms: number, { signal }: Scope): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal }).catch(ignore);
}

function ignore(): void {
  // An aborted wait ends in a call that is aborted.
}
