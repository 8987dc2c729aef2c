import { access, constants, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { backOffMs } from '../consumer/back-off.js';
import type { Reading } from '../consumer/cached-reader.js';
import type { Tell } from './agent-event.js';
import { type Command, runCommand } from './command.js';
import { type FileFormat, contentOf } from './file-content.js';
import { reloadFileOf, removeLeftovers } from './own-files.js';
import { type Reload, tellApplication } from './reload.js';
import { readOwnFile, removeFile, replaceFile, syncFolder } from './replaced-file.js';
import { AgentSettingError, codeOf } from './setting-error.js';
import type { StoredParameter } from './stored-parameter.js';

/** A file, and who is to know when it has changed. */
export interface AppliedFileOptions {
  readonly path: string;
  readonly format: FileFormat;
  readonly reload: Reload;
  /** Exits with 0 where the application works with what the file holds. Null: nobody is asked. */
  readonly check: Command | null;
  readonly tell: Tell;
}

/** A failed attempt is tried again after this, doubled by each further one. */
const retry = { firstMs: 1_000, maxMs: 30_000 } as const;

/**
 * Keeps a file at what was read last: writes it, tells the application, and asks the check, in this order and one value at
 * a time. What failed is tried again, until it succeeds or another value is read.
 *
 * That the application is still to be told stands in a file of its own, made before the value is put in place: an agent
 * that is killed in between tells it once it is started again.
 */
export class AppliedFile {
  readonly #options: AppliedFileOptions;
  readonly #owed: string;
  readonly #ends = new AbortController();
  /** To be brought next. */
  #wanted: Reading<StoredParameter> | undefined;
  /** Brought last: what failed before it is not tried any more. */
  #brought: Reading<StoredParameter> | undefined;
  /** Undefined from the beginning of an attempt on until it has come to its end. */
  #applied: Reading<StoredParameter> | undefined;
  #attempts = 0;
  #failed: Reading<StoredParameter> | undefined;
  #failures = 0;
  #failedMs = 0;
  #notBeforeMs = 0;
  /** Somebody waits: then what failed is not left alone for as long as otherwise. */
  #isAsked = false;
  #retry: NodeJS.Timeout | undefined;
  #isAtWork = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: AppliedFileOptions) {
    this.#options = options;
    this.#owed = reloadFileOf(options.path);
  }

  /**
   * Removes what a killed agent has left. Whoever calls it has claimed the file. *Errors* `AgentSettingError` where the file
   * cannot be kept.
   */
  async prepare(): Promise<void> {
    const { path } = this.#options;
    try {
      await readOwnFile(path);
      await access(dirname(path), constants.W_OK);
      await removeLeftovers(path);
    } catch (error) {
      if (error instanceof AgentSettingError) throw error;
      const cure = 'Name a file in a folder that is there and that this user may write to.';
      throw new AgentSettingError('--file', `${path} cannot be kept (${codeOf(error)})`, cure);
    }
  }

  /** Says what the file is to hold. Also looks whether it still does. *Repeat*: harmless. */
  bring(reading: Reading<StoredParameter>): void {
    if (this.#ends.signal.aborted) return;
    this.#brought = reading;
    this.#wanted = reading;
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    this.#work = this.#run();
  }

  /**
   * Brings it, and waits. *Returns* true once an attempt that began after this was asked has found it written, told and
   * checked; false where that failed or takes longer. *Repeat*: what failed is tried again, at most once a second.
   */
  async settled(reading: Reading<StoredParameter>, withinMs: number): Promise<boolean> {
    this.#isAsked = true;
    const before = this.#attempts;
    this.bring(reading);
    const patience = new AbortController();
    const late = delay(withinMs, undefined, { signal: patience.signal, ref: false }).catch(() => undefined);
    const isOver = await Promise.race([this.#work.then(() => true), late.then(() => false)]);
    patience.abort();
    return isOver && this.#attempts > before && isSame(this.#applied, reading);
  }

  /** Ends what is under way; a file that is being written is written to its end. */
  async close(): Promise<void> {
    this.#ends.abort();
    clearTimeout(this.#retry);
    await this.#work;
  }

  async #run(): Promise<void> {
    for (;;) {
      const reading = this.#wanted;
      this.#wanted = undefined;
      const notBeforeMs = this.#isAsked ? this.#failedMs + retry.firstMs : this.#notBeforeMs;
      this.#isAsked = false;
      const isWaiting = isSame(this.#failed, reading) && performance.now() < notBeforeMs;
      if (reading === undefined || isWaiting || this.#ends.signal.aborted) break;
      const why = await this.#attempt(reading).catch((error: unknown) =>
        error instanceof AgentSettingError ? error.finding : `the file cannot be written (${codeOf(error)})`,
      );
      if (why === undefined) this.#succeed();
      else if (!this.#ends.signal.aborted) this.#fail(reading, why);
    }
    this.#isAtWork = false;
  }

  /** *Returns* why it did not come to its end. */
  async #attempt(reading: Reading<StoredParameter>): Promise<string | undefined> {
    const { path: file, format, reload, check, tell } = this.#options;
    const { version } = reading;
    // Whatever ends this attempt early, what was found before does not count any more.
    let wasApplied = isSame(this.#applied, reading);
    this.#applied = undefined;
    this.#attempts += 1;
    const content = contentOf(format, reading.value.value);
    if (typeof content === 'string') return `version ${version} cannot be written: ${content}`;
    const asked = { file, signal: this.#ends.signal };
    if ((await readOwnFile(file))?.equals(content) !== true) {
      wasApplied = false;
      if (reload.kind !== 'none') await this.#owe();
      await replaceFile(file, content);
      tell({ kind: 'written', file, version });
    }
    if (reload.kind !== 'none' && (await readOwnFile(this.#owed)) !== undefined) {
      wasApplied = false;
      const why = await tellApplication(reload, asked);
      if (why !== undefined) return `the application was not told: ${why}`;
      await removeFile(this.#owed);
      tell({ kind: 'reloaded', file, version });
    }
    if (!wasApplied && check !== null) {
      const outcome = await runCommand(check, asked);
      if (outcome.kind !== 'passed') return `the check did not pass: ${outcome.why}`;
    }
    this.#applied = reading;
    if (!wasApplied) tell({ kind: 'applied', file, version });
    return undefined;
  }

  /** Written ahead. *Repeat*: harmless. */
  async #owe(): Promise<void> {
    const handle = await open(this.#owed, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    await handle.close();
    await syncFolder(this.#owed);
  }

  #succeed(): void {
    clearTimeout(this.#retry);
    this.#failures = 0;
    this.#failed = undefined;
  }

  #fail(reading: Reading<StoredParameter>, why: string): void {
    this.#failures = isSame(this.#failed, reading) ? this.#failures + 1 : 1;
    this.#failed = reading;
    const delayMs = backOffMs({ ...retry, failures: this.#failures, chance: Math.random() });
    this.#failedMs = performance.now();
    this.#notBeforeMs = this.#failedMs + delayMs;
    clearTimeout(this.#retry);
    // A little later than it may, so that the timer never comes too early for it.
    this.#retry = setTimeout(() => this.bring(this.#brought ?? reading), delayMs + 10);
    const { path: file, tell } = this.#options;
    tell({ kind: 'not-applied', file, version: reading.version, why });
  }
}

/** A version names one value at one store; a parameter that was deleted and made anew begins at 1 again. */
function isSame(one: Reading<StoredParameter> | undefined, other: Reading<StoredParameter> | undefined): boolean {
  return one?.version === other?.version && one?.value.value === other?.value.value;
}
