import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { keyturnError } from '../../core/errors.js';
import { programEnvironment } from '../run-program.js';
import type { AccessKey } from './app/app-protocol.js';
import type { DemoUrls } from './parts.js';
import { type WaitOptions, until } from './waiting.js';

/** What every worker of the demo is started with. */
export interface WorkersOptions {
  /** What `node` runs as `keyturn worker`. */
  readonly program: readonly string[];
  readonly configFile: string;
  /** With the worker role's password. They reach the process by its environment. */
  readonly urls: DemoUrls;
  /** Of the Parameter Store; null: the built-in store needs none. */
  readonly accessKey: AccessKey | null;
  readonly logLevel: 'debug' | 'info';
  /** Where each writes its log, and puts its temporary files: nothing of the demo is anywhere else. */
  readonly logFolder: string;
  /** Told of each process, so that none outlives the demo. */
  readonly watch: (pid: number) => void;
}

/** One worker process, known by the name under which it holds leases. */
export interface DemoWorker {
  readonly number: number;
  readonly pid: number;
  readonly holder: string;
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
}

/** How long a worker may take for the effect in hand after SIGTERM. */
const maxStopMs = 30_000;

/** The worker processes of the demo: the shipped command, started as anybody would. */
export class Workers {
  readonly #options: WorkersOptions;
  readonly #running = new Map<number, DemoWorker>();
  readonly #everStarted: number[] = [];

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** Starts one, and waits until it says in its log that it works. *Errors* `DEMO_BROKEN_OFF`. */
  async start(wait: WaitOptions): Promise<DemoWorker> {
    const { program, configFile, urls, accessKey, logLevel, logFolder, watch } = this.#options;
    const number = this.#everStarted.push(0);
    const child = spawn(
      process.execPath,
      [...program, 'worker', '--config', configFile, '--concurrency', '2', '--health-port', 'off', '--json'],
      {
        cwd: '/',
        env: {
          ...programEnvironment,
          KEYTURN_DATABASE_URL: urls.database,
          KEYTURN_QUEUE_URL: urls.queue,
          KEYTURN_LOG_LEVEL: logLevel,
          TMPDIR: logFolder,
          ...(accessKey === null
            ? {}
            : { AWS_ACCESS_KEY_ID: accessKey.accessKeyId, AWS_SECRET_ACCESS_KEY: accessKey.secretAccessKey }),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        // Of a group of its own: a Ctrl-C is for the demo, which then stops its workers.
        detached: true,
      },
    );
    const ended = once(child, 'close').catch(() => undefined);
    const pid = child.pid ?? 0;
    this.#everStarted[number - 1] = pid;
    watch(pid);
    const log = createWriteStream(join(logFolder, `worker-${number}.log`), { flags: 'a', mode: 0o600 });
    let holder: string | undefined;
    let lastLine = '';
    let hasEnded = false;
    // Nothing is expected there; what comes is not lost.
    createInterface({ input: child.stdout }).on('line', (line) => log.write(`${line}\n`));
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.write(`${line}\n`);
      holder ??= holderIn(line);
      lastLine = line;
    });
    void ended.then(() => {
      hasEnded = true;
      this.#running.delete(pid);
      log.end();
    });
    const begun = async (): Promise<string | undefined> => {
      // Its last words are an error of the catalogue, which holds no secret.
      if (hasEnded) throw keyturnError('DEMO_BROKEN_OFF', { finding: `worker ${number} ended: ${lastLine}` });
      return holder;
    };
    const name = await until(`worker ${number} begins to work`, begun, wait);
    const worker = { number, pid, holder: name, child, ended };
    this.#running.set(pid, worker);
    return worker;
  }

  /** The running worker that holds leases under this name. */
  holding(holder: string): DemoWorker | undefined {
    return [...this.#running.values()].find((worker) => worker.holder === holder);
  }

  /** The process id of each there has been. */
  get everStarted(): readonly number[] {
    return this.#everStarted;
  }

  /** Asks all of them to finish what they are doing, and waits for their end. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.#running.values()].map(async ({ child, ended }) => {
        const late = setTimeout(() => child.kill('SIGKILL'), maxStopMs);
        child.kill('SIGTERM');
        await ended;
        clearTimeout(late);
      }),
    );
  }
}

/** The first line of a worker's log names it. */
function holderIn(line: string): string | undefined {
  try {
    const entry = JSON.parse(line) as { readonly message?: unknown; readonly holder?: unknown };
    return entry.message === 'worker started' && typeof entry.holder === 'string' ? entry.holder : undefined;
  } catch {
    return undefined;
  }
}
