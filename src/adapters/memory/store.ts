import { parseCredential, unfitValue } from '../../core/credential.js';
import { keyturnError } from '../../core/errors.js';
import { type Secret, openSecret, sameSecret } from '../../core/secret.js';
import type { Bound, Label, Scope, StorePort, StoredVersion, VersionSelector } from '../../ports/step-ports.js';
import { copied } from './rows.js';
import type { MemoryState } from './state.js';

interface Versions {
  readonly versions: Map<number, Omit<StoredVersion, 'labels'>>;
  readonly labels: Map<Label, number>;
  newest: number;
}

/** As many as SSM keeps. */
const MAX_VERSIONS = 100;

/**
 * The parameter store in memory. Like the built-in store it refuses the writes of an executor that lost its lease.
 * Values stay `Secret`s; digests are not keyed, because nothing of it outlives the process.
 */
export class MemoryStore {
  #secrets = new Map<string, Versions>();
  readonly #state: Pick<MemoryState, 'holds'>;

  constructor(state: Pick<MemoryState, 'holds'>) {
    this.#state = state;
  }

  /** The port. Every member answers at once. */
  readonly port: Bound<StorePort> = {
    read: (scope, selector) => this.read(scope.plan.secret, selector),
    preflight: (scope, current) => {
      const { versions, labels } = this.#of(scope.plan.secret);
      if ((labels.get('current') ?? null) !== current) throw keyturnError('STORE_UNAVAILABLE');
      const oldest = Math.min(...versions.keys());
      const blocked = versions.size >= MAX_VERSIONS && [...labels.values()].includes(oldest);
      return blocked
        ? [
            {
              sentence: `a label is on the oldest of ${MAX_VERSIONS} versions`,
              cure: `take the label off version ${oldest}`,
            },
          ]
        : [];
    },
    putPending: (scope, value) => this.#putPending(scope, value),
    moveCurrent: (scope, move) => this.#moveCurrent(scope, move),
    retirePending: (scope, version) => {
      this.#fenced(scope);
      const { labels } = this.#of(scope.plan.secret);
      if (labels.get('pending') === version) labels.delete('pending');
    },
  };

  /** What anybody reads, a consumer for instance. */
  read(secret: string, selector: VersionSelector): StoredVersion | null {
    const { versions, labels } = this.#of(secret);
    const number = typeof selector === 'number' ? selector : labels.get(selector);
    const found = number === undefined ? undefined : versions.get(number);
    if (found === undefined) return null;
    const on = (['current', 'pending', 'previous'] as const).filter((label) => labels.get(label) === found.version);
    return { ...found, labels: on };
  }

  /** A version from outside, labelled `current`. */
  putInitial(secret: string, value: Secret): number {
    const version = this.#put(secret, value, null);
    this.#of(secret).labels.set('current', version);
    return version;
  }

  /** A version that a person writes beside us; it carries no label. */
  putByHand(secret: string, value: Secret): number {
    return this.#put(secret, value, null);
  }

  /** Puts `current` elsewhere, or nowhere, as a person may who asks no lease. */
  moveByHand(secret: string, version: number | null): void {
    put(this.#of(secret).labels, 'current', version);
  }

  /** How many versions a rotation has put. */
  versionsOf(secret: string, rotationId: string): number {
    return [...this.#of(secret).versions.values()].filter((each) => each.rotationId === rotationId).length;
  }

  /** Takes a backup. *Returns* what restores it, as often as it is called. */
  backUp(): () => void {
    const kept = copied(this.#secrets, copiedVersions);
    return () => {
      this.#secrets = copied(kept, copiedVersions);
    };
  }

  #putPending(scope: Scope, value: Secret): { readonly version: number; readonly digest: string } {
    this.#fenced(scope);
    const { versions, labels } = this.#of(scope.plan.secret);
    const before = [...versions.values()].find((each) => each.rotationId === scope.plan.rotationId);
    if (before === undefined) {
      const finding = unfitDocument(value, scope);
      if (finding !== undefined) throw keyturnError('VALUE_UNFIT', { secret: scope.plan.path, finding });
    }
    const version = before?.version ?? this.#put(scope.plan.secret, value, scope.plan.rotationId);
    if (labels.get('current') !== version) labels.set('pending', version);
    return { version, digest: versions.get(version)?.digest ?? '' };
  }

  #moveCurrent(
    scope: Scope,
    {
      from,
      to,
      previous,
    }: { readonly from: number | null; readonly to: number | null; readonly previous: number | null },
  ): { readonly current: number | null } {
    this.#fenced(scope);
    const { versions, labels } = this.#of(scope.plan.secret);
    const current = labels.get('current') ?? null;
    if (current !== from && current !== to) return { current };
    if (to !== null && !versions.has(to))
      throw keyturnError('STORE_DENIED', { action: `moving current to version ${to}, which it does not hold` });
    put(labels, 'previous', previous !== null && versions.has(previous) ? previous : null);
    put(labels, 'current', to);
    if (labels.get('pending') === to) labels.delete('pending');
    return { current: to };
  }

  #put(secret: string, value: Secret, rotationId: string | null): number {
    const row = this.#of(secret);
    const oldest = Math.min(...row.versions.keys());
    if (row.versions.size >= MAX_VERSIONS) {
      if ([...row.labels.values()].includes(oldest)) throw keyturnError('VERSION_LIMIT', { secret });
      row.versions.delete(oldest);
    }
    row.newest += 1;
    row.versions.set(row.newest, { version: row.newest, value, digest: digest(value), rotationId });
    return row.newest;
  }

  #fenced(scope: Scope): void {
    if (!this.#state.holds(scope.plan.secret, scope.fence.epoch))
      throw keyturnError('STORE_STALE', { secret: scope.plan.path });
  }

  #of(secret: string): Versions {
    const row = this.#secrets.get(secret) ?? { versions: new Map(), labels: new Map(), newest: 0 };
    this.#secrets.set(secret, row);
    return row;
  }
}

function copiedVersions({ versions, labels, newest }: Versions): Versions {
  return { versions: new Map(versions), labels: new Map(labels), newest };
}

function unfitDocument(document: Secret, { plan }: Scope): string | undefined {
  try {
    return unfitValue(parseCredential(document, plan.fields, plan.path).value, [], sameSecret);
  } catch {
    return 'it is not a credential';
  }
}

function put(labels: Map<Label, number>, label: Label, version: number | null): void {
  if (version === null) labels.delete(label);
  else labels.set(label, version);
}

/** FNV-1a in four lanes: equal for equal values and 32 hexadecimal characters, which is all a test needs. */
function digest(value: Secret): string {
  return [1, 2, 3, 4].map((lane) => lane8(openSecret(value), lane)).join('');
}

function lane8(bytes: Uint8Array, lane: number): string {
  let hash = Math.imul(0x811c9dc5, lane) >>> 0;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}
