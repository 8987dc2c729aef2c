import { setTimeout as delay } from 'node:timers/promises';
import type { Reading } from '../consumer/cached-reader.js';
import { type Command, type CommandOutcome, runCommand } from './command.js';
import { type FileFormat, contentOf } from './file-content.js';
import { pendingFileOf } from './own-files.js';
import { removeFile, replaceFile } from './replaced-file.js';
import type { StoredParameter } from './stored-parameter.js';

/** A pending version, tried in a file of its own beside the one that the application reads. */
export class CanaryTrial {
  readonly #command: Command;
  readonly #file: string;
  readonly #format: FileFormat;
  readonly #ends = new AbortController();
  /** The one under way, or one that nobody has waited for to its end. */
  #trial: { readonly of: string; readonly outcome: Promise<CommandOutcome> } | undefined;

  /** `file`: the one of the application. */
  constructor({ command, file, format }: CanaryTrialOptions) {
    this.#command = command;
    this.#file = pendingFileOf(file);
    this.#format = format;
  }

  /**
   * Tries the version. One at a time; asked again while it is tried, the same trial answers. *Returns* undefined where it
   * is not over after `withinMs`: it goes on, and what it finds answers the next who asks. *Repeat*: once it has answered
   * the version is tried anew: what worked a while ago says nothing of now.
   */
  async try(
    reading: Reading<StoredParameter>,
    { rotation, withinMs }: { readonly rotation: string; readonly withinMs: number },
  ): Promise<CommandOutcome | undefined> {
    const of = `${rotation} ${reading.version}`;
    if (this.#trial?.of !== of) {
      const before = this.#trial?.outcome;
      const outcome = (async () => {
        await before;
        return this.#run(reading);
      })();
      this.#trial = { of, outcome };
    }
    const trial = this.#trial;
    const patience = new AbortController();
    const late = delay(withinMs, undefined, { signal: patience.signal, ref: false }).catch(() => undefined);
    const outcome = await Promise.race([trial.outcome, late]);
    patience.abort();
    if (outcome !== undefined && this.#trial === trial) this.#trial = undefined;
    return outcome;
  }

  /** Ends a trial that is under way, and removes its file. */
  async close(): Promise<void> {
    this.#ends.abort();
    await this.#trial?.outcome;
  }

  /** Never rejects. */
  async #run(reading: Reading<StoredParameter>): Promise<CommandOutcome> {
    const file = this.#file;
    try {
      const content = contentOf(this.#format, reading.value.value);
      if (typeof content === 'string') return { kind: 'failed', why: content };
      try {
        await replaceFile(file, content);
        return await runCommand(this.#command, { file, signal: this.#ends.signal });
      } finally {
        await removeFile(file);
      }
    } catch {
      return { kind: 'unknown', why: `the file ${file} cannot be written` };
    }
  }
}

/** What a pending version is tried with. */
export interface CanaryTrialOptions {
  readonly command: Command;
  readonly file: string;
  readonly format: FileFormat;
}
