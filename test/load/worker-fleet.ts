import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createWriteStream, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { programEnvironment } from '../../src/embedded/run-program.js';
import { canaryTally } from '../support/canary.mjs';
import type { Ground } from './ground.js';

/** One worker process. */
interface FleetWorker {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  /** The name under which it holds leases; undefined: it has not begun to work yet. */
  holder: string | undefined;
}

/** What workers need of what a run stands on. */
export type FleetGround = Pick<Ground, 'program' | 'configFile' | 'urls' | 'janitor'>;

/** The values that workers generate can be told from all else, wherever they turn up. */
const plantCanary = new URL('../support/plant-canary-process.mjs', import.meta.url).href;

/** How long a worker may take for what it has in hand after SIGTERM. */
const maxStopMs = 180_000;

/** Workers of the built package, each in a process of its own. One that is killed is replaced. */
export class WorkerFleet {
  readonly #ground: FleetGround;
  readonly #folder: string;
  /** The oldest first. */
  readonly #workers: FleetWorker[] = [];
  readonly #startFailures: string[] = [];
  #started = 0;
  #isStopping = false;

  /** `folder`: where each worker has a folder with its log, what it prints to stdout, and its temporary files. */
  constructor(ground: FleetGround, folder: string) {
    this.#ground = ground;
    this.#folder = folder;
  }

  /** The process ids of those that run now. */
  get pids(): readonly number[] {
    return this.#workers.flatMap(({ child: { pid } }) => (pid === undefined ? [] : [pid]));
  }

  /** Workers that ended before they began to work, by their last words. */
  get startFailures(): readonly string[] {
    return this.#startFailures;
  }

  /** Workers that have begun to work and still do. */
  get ready(): number {
    return this.#ready().length;
  }

  /** Starts a worker; it works some time later. */
  start(): void {
    const { program, configFile, urls, janitor } = this.#ground;
    const number = (this.#started += 1);
    const folder = join(this.#folder, `worker-${number}`);
    mkdirSync(folder, { mode: 0o700, recursive: true });
    const stdout = openSync(join(folder, 'stdout'), 'w', 0o600);
    const child = spawn(
      process.execPath,
      [
        '--import',
        plantCanary,
        program,
        'worker',
        '--config',
        configFile,
        '--concurrency',
        '8',
        '--health-port',
        'off',
        '--json',
      ],
      {
        cwd: '/',
        env: {
          ...programEnvironment,
          KEYTURN_DATABASE_URL: urls.database,
          KEYTURN_QUEUE_URL: urls.queue,
          // What they tell is searched for secrets.
          KEYTURN_LOG_LEVEL: 'debug',
          TMPDIR: folder,
          ...canaryTally(),
        },
        stdio: ['ignore', stdout, 'pipe'],
        // Of a group of its own: a Ctrl-C is for the rig, which then stops its workers.
        detached: true,
      },
    );
    closeSync(stdout);
    const { stderr } = child;
    if (stderr === null) throw new TypeError('a pipe was asked for');
    if (child.pid !== undefined) janitor.watch(child.pid);
    const log = createWriteStream(join(folder, 'log'), { mode: 0o600 });
    const ended = once(child, 'close')
      .catch(() => undefined)
      // Who reads it afterwards finds all of it.
      .then(() => new Promise<void>((resolve) => log.end(() => resolve())));
    const worker: FleetWorker = { child, ended, holder: undefined };
    this.#workers.push(worker);
    let lastLine = 'it said nothing';
    createInterface({ input: stderr }).on('line', (line) => {
      log.write(`${line}\n`);
      worker.holder ??= holderIn(line);
      lastLine = line;
    });
    void ended.then(() => {
      const at = this.#workers.indexOf(worker);
      if (at === -1) return;
      // Nobody killed it. Its last words are an error of the catalogue, which holds no secret.
      this.#workers.splice(at, 1);
      if (this.#isStopping) return;
      this.#startFailures.push(`worker ${number}: ${lastLine}`);
      this.start();
    });
  }

  /**
   * Kills one worker by SIGKILL and starts another in its place: one that holds a lease under one of these names, else
   * the oldest. The last that works is spared, so that on a slow machine, too, rotations move between two kills.
   *
   * *Returns* whether it held a lease; null where none was killed.
   */
  async killOne(leaseHolders: readonly string[]): Promise<{ readonly heldLease: boolean } | null> {
    const ready = this.#ready();
    if (ready.length < 2) return null;
    const holding = ready.find(({ holder }) => holder !== undefined && leaseHolders.includes(holder));
    const victim = holding ?? ready[0];
    if (victim === undefined) return null;
    this.#workers.splice(this.#workers.indexOf(victim), 1);
    victim.child.kill('SIGKILL');
    await victim.ended;
    this.start();
    return { heldLease: holding !== undefined };
  }

  /** Asks all of them to finish what they are doing, and waits for their end. *Returns* how many had to be killed. */
  async stop(): Promise<number> {
    this.#isStopping = true;
    let killed = 0;
    await Promise.all(
      [...this.#workers].map(async ({ child, ended }) => {
        const late = setTimeout(() => {
          killed += 1;
          child.kill('SIGKILL');
        }, maxStopMs);
        child.kill('SIGTERM');
        await ended;
        clearTimeout(late);
      }),
    );
    return killed;
  }

  #ready(): readonly FleetWorker[] {
    return this.#workers.filter(({ holder }) => holder !== undefined);
  }
}

/** A worker names itself in its log once it works. */
function holderIn(line: string): string | undefined {
  try {
    const entry = JSON.parse(line) as { readonly message?: unknown; readonly holder?: unknown };
    return entry.message === 'worker started' && typeof entry.holder === 'string' ? entry.holder : undefined;
  } catch {
    return undefined;
  }
}
