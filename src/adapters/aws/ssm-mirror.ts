import { keyturnError } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { Scope } from '../../ports/step-ports.js';
import { type HistoryEntry, SsmCalls } from './ssm-calls.js';
import { marked } from './ssm-mark.js';
import { type SsmStoreParts, patienceMs, pause } from './ssm-store.js';

/** What stands under a bare name. */
export interface Mirrored {
  /** As the bare parameter counts. */
  readonly version: number;
  readonly digest: string;
  /** The version of the history that has this value, the one labelled `current` before others; null: none has. */
  readonly of: number | null;
}

/** A look at a bare name. `mirrored` null: there is no such parameter. */
export interface MirrorLook {
  readonly mirrored: Mirrored | null;
  /** The kept versions of the bare parameter, oldest first. */
  readonly kept: readonly HistoryEntry[];
}

/** The parameters under bare names: each repeats one version of the parameter beside it, which has the history. */
export class SsmMirror {
  readonly #bare: SsmCalls;
  readonly #history: SsmCalls;
  readonly #parts: SsmStoreParts;

  constructor(parts: SsmStoreParts, history: SsmCalls) {
    this.#parts = parts;
    this.#bare = new SsmCalls(parts);
    this.#history = history;
  }

  /** The digest of what consumers read now, by one read, which may be a moment old. *Returns* null where there is nothing. */
  async digest(scope: Scope): Promise<string | null> {
    const found = await this.#bare.value(scope, null);
    return found === null ? null : this.#digestOf(scope, found.value);
  }

  /** What consumers read, once the two ways of asking for it agree, and which of these versions it is. */
  async look(scope: Scope, entries: readonly HistoryEntry[]): Promise<MirrorLook> {
    for (const waitMs of [0, ...patienceMs]) {
      await pause(waitMs, scope);
      const [found, kept] = await Promise.all([this.#bare.value(scope, null), this.#bare.history(scope)]);
      const digest = found === null ? null : this.#digestOf(scope, found.value);
      if (found?.version !== kept.at(-1)?.version) continue;
      if (found === null || digest === null) return { mirrored: null, kept };
      return { mirrored: { version: found.version, digest, of: await this.#versionOf(scope, entries, digest) }, kept };
    }
    throw keyturnError('STORE_UNAVAILABLE');
  }

  /**
   * Puts the value of a version under the bare name. The caller has made sure that no other put is on its way.
   * *Returns* its digest. *Errors* those of every put.
   */
  async put(scope: Scope, version: number, kept: readonly HistoryEntry[]): Promise<string> {
    const found = await this.#history.value(scope, version);
    if (found === null) throw keyturnError('STORE_UNAVAILABLE');
    const { value } = found;
    const digest = this.#digest(scope, value);
    const description = marked(kept.at(-1)?.description ?? '', { rotationId: scope.plan.rotationId, digest });
    await this.#bare.put(scope, { value, description, mirrors: digest });
    value.wipe();
    return digest;
  }

  /** A mark tells whose digest it was put with. A description outlives its value, so who repeats a mark is read as well. */
  async #versionOf(scope: Scope, entries: readonly HistoryEntry[], digest: string): Promise<number | null> {
    const marks = entries.map(({ mark }) => mark?.digest);
    const sure = entries[marks.indexOf(digest)];
    const unsure = entries.filter((_, index) => marks[index] === undefined || marks.indexOf(marks[index]) < index);
    const [current] = unsure.filter(isCurrent);
    const others = unsure.filter((each) => each !== current).sort((a, b) => b.version - a.version);
    for (const each of [current, sure, ...others]) {
      if (each === undefined) continue;
      if (each === sure) return each.version;
      const found = await this.#history.value(scope, each.version);
      if (found !== null && this.#digestOf(scope, found.value) === digest) return each.version;
    }
    return null;
  }

  #digestOf(scope: Scope, value: Secret): string {
    const digest = this.#digest(scope, value);
    value.wipe();
    return digest;
  }

  #digest({ plan: { environment, secret } }: Scope, value: Secret): string {
    return this.#parts.keyring.digest(value, { environment, secret });
  }
}

const isCurrent = ({ labels }: HistoryEntry): boolean => labels.includes('current');
