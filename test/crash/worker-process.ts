import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundled } from '../support/bundle.js';
import { canaryTally } from '../support/canary.mjs';
import { eventually } from '../support/eventually.js';
import type { Failpoint } from './failpoints.js';
import type { FromWorker, ToWorker, WorkerOrder } from './worker-messages.js';

const program = await bundled(fileURLToPath(new URL('./crash-worker-process.ts', import.meta.url)));
const preloads = ['plant-canary-process.mjs', 'own-temporary-folder-process.mjs'].flatMap((name) => [
  '--import',
  new URL(`../support/${name}`, import.meta.url).href,
]);

/** What a process is started with. */
export interface ProcessPlace {
  /** Made for it alone: what it prints to stdout is there, and its temporary files. */
  readonly folder: string;
  /** Beside what every worker has. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A machine that does other things as well loads slowly. Milliseconds. */
const patienceMs = 240_000;

/** A worker in a process of its own. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #said: FromWorker[] = [];
  readonly #listeners: ((message: FromWorker) => void)[] = [];
  readonly #ended: Promise<unknown>;
  #errors = '';
  #end: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;

  /** Starts the process and lets it load its modules; a worker begins with {@link start}. */
  constructor({ folder, environment }: ProcessPlace) {
    mkdirSync(folder);
    const stdout = openSync(join(folder, 'stdout'), 'wx', 0o600);
    this.#child = spawn(process.execPath, [...preloads, program], {
      cwd: '/',
      env: {
        PATH: process.env['PATH'] ?? '',
        JITI_FS_CACHE: 'false',
        KEYTURN_TEST_TEMPORARY_FOLDER: folder,
        ...canaryTally(),
        ...environment,
      },
      stdio: ['ignore', stdout, 'pipe', 'ipc'],
    });
    closeSync(stdout);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    this.#child.on('message', (message: FromWorker) => {
      this.#said.push(message);
      for (const listener of this.#listeners) listener(message);
    });
    // What is sent to a process that was killed goes nowhere.
    this.#child.on('error', () => undefined);
    this.#ended = once(this.#child, 'exit').then(([code, signal]) => {
      this.#end = { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote on stderr: its log. */
  get errors(): string {
    return this.#errors;
  }

  /** How it ended; undefined while it runs. */
  get end(): { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined {
    return this.#end;
  }

  onMessage(listener: (message: FromWorker) => void): void {
    this.#listeners.push(listener);
  }

  /** Everything it has said so far. */
  get said(): readonly FromWorker[] {
    return this.#said;
  }

  /** Settles when its worker takes rings. *Errors*: it ended first; the message is what it wrote. */
  async start(order: WorkerOrder): Promise<void> {
    const before = this.#count('started');
    await this.#until('it has loaded its modules', () => this.#count('loaded') > 0);
    this.send({ kind: 'start', order });
    await this.#until('its worker has started', () => this.#count('started') > before);
  }

  /** Ends its worker as a SIGTERM would, and keeps the process for the next {@link start}. */
  async stopWorker(): Promise<void> {
    const before = this.#count('stopped');
    this.send({ kind: 'stop' });
    await this.#until('its worker has stopped', () => this.#count('stopped') > before);
  }

  send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** The failpoints at which it has said that it is there. */
  get reached(): readonly Failpoint[] {
    return this.#said.flatMap((message) => (message.kind === 'reached' ? [message.point] : []));
  }

  /** Sends a signal; does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGKILL, and waits for the end. *Repeat*: harmless. */
  async kill(): Promise<void> {
    if (this.#end === undefined) this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Settles when the process has ended. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  #count(kind: FromWorker['kind']): number {
    return this.#said.filter((message) => message.kind === kind).length;
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const came = await eventually(what, () => isSo() || this.#end !== undefined, { maxMs: patienceMs });
    if (came && !isSo()) throw new Error(`the worker ended before ${what}: ${this.#errors}`);
  }
}
