import { createHash } from 'node:crypto';
import { type Secret, openSecret } from '../../src/core/secret.js';
import type { Bound, Label, StorePort, StoredVersion, VersionSelector } from '../../src/ports/step-ports.js';

interface Written {
  readonly version: number;
  readonly value: Secret;
  readonly rotationId: string | null;
}

interface Content {
  readonly versions: readonly Written[];
  readonly labels: Readonly<Partial<Record<Label, number>>>;
}

/** What a write has come down to once it was checked: it is done without asking again, whenever it arrives. */
export type Prepared =
  | { readonly kind: 'labels'; readonly put: Readonly<Partial<Record<Label, number | null>>>; readonly answer: unknown }
  | { readonly kind: 'version'; readonly value: Secret; readonly rotationId: string };

type Move = Parameters<StorePort['moveCurrent']>[0];

/**
 * A store without compare-and-set and without our lease, as SSM is: a write is checked, sent, and takes effect as it
 * was sent whenever it arrives. One secret; content is replaced and never changed, so that keeping it is a backup.
 */
export class LabelStore {
  #content: Content = { versions: [], labels: {} };

  /** The reads of the port; writes go through {@link prepare} and {@link apply}. */
  readonly reads: Pick<Bound<StorePort>, 'read' | 'preflight'> = {
    read: (_, selector) => this.read(selector),
    preflight: () => [],
  };

  read(selector: VersionSelector): StoredVersion | null {
    const { versions, labels } = this.#content;
    const number = typeof selector === 'number' ? selector : labels[selector];
    const found = versions.find((each) => each.version === number);
    if (found === undefined) return null;
    const on = (['current', 'pending', 'previous'] as const).filter((label) => labels[label] === found.version);
    return { ...found, digest: digestOf(found.value), labels: on };
  }

  /** Puts a version from outside and labels it `current`. */
  putInitial(value: Secret): void {
    this.apply({ kind: 'labels', put: { current: this.#put(value, null) }, answer: null });
  }

  /** Checks a write and says what is to be sent. */
  prepare(method: string, rotationId: string, [argument]: readonly unknown[]): Prepared {
    const { versions, labels } = this.#content;
    switch (method) {
      case 'putPending': {
        const before = versions.find((each) => each.rotationId === rotationId);
        if (before === undefined) return { kind: 'version', value: argument as Secret, rotationId };
        const put = labels.current === before.version ? {} : { pending: before.version };
        return { kind: 'labels', put, answer: { version: before.version, digest: digestOf(before.value) } };
      }
      case 'moveCurrent': {
        const { from, to, previous } = argument as Move;
        const current = labels.current ?? null;
        if (current !== from && current !== to) return { kind: 'labels', put: {}, answer: { current } };
        const pending = labels.pending === to ? { pending: null } : {};
        return { kind: 'labels', put: { previous, current: to, ...pending }, answer: { current: to } };
      }
      case 'retirePending': {
        const put = labels.pending === (argument as number) ? { pending: null } : {};
        return { kind: 'labels', put, answer: undefined };
      }
      default:
        throw new TypeError(`the store has no write ${method}`);
    }
  }

  /** What was prepared takes effect. *Returns* the answer of the port. */
  apply(prepared: Prepared): unknown {
    if (prepared.kind === 'version') {
      const version = this.#put(prepared.value, prepared.rotationId);
      this.#content = { ...this.#content, labels: { ...this.#content.labels, pending: version } };
      return { version, digest: digestOf(prepared.value) };
    }
    const labels = { ...this.#content.labels };
    for (const [label, version] of Object.entries(prepared.put) as [Label, number | null][]) {
      if (version === null) delete labels[label];
      else labels[label] = version;
    }
    this.#content = { ...this.#content, labels };
    return prepared.answer;
  }

  /** Takes a backup. *Returns* what restores it, as often as it is called. */
  backUp(): () => void {
    const kept = this.#content;
    return () => {
      this.#content = kept;
    };
  }

  #put(value: Secret, rotationId: string | null): number {
    const version = this.#content.versions.length + 1;
    this.#content = { ...this.#content, versions: [...this.#content.versions, { version, value, rotationId }] };
    return version;
  }
}

const digests = new WeakMap<Secret, string>();

/** Equal for equal values. */
export function digestOf(value: Secret): string {
  const known = digests.get(value);
  if (known !== undefined) return known;
  const digest = createHash('sha256').update(openSecret(value)).digest('hex').slice(0, 12);
  digests.set(value, digest);
  return digest;
}
