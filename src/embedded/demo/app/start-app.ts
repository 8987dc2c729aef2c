import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { keyturnError } from '../../../core/errors.js';
import { programEnvironment } from '../../run-program.js';
import type { AppCounters, AppOrder, FromApp, ToApp } from './app-protocol.js';

/** The sample application, seen from the demo. */
export interface RunningApp {
  readonly pid: number;
  /** Where it answers challenges. */
  readonly port: number;
  /** The newest report. */
  readonly counters: () => AppCounters;
  /** False once its process has ended. */
  readonly isRunning: () => boolean;
  readonly refuseNextCanary: () => void;
  readonly rest: () => void;
  readonly wake: () => void;
  /** True once it has given its last report; one that died before has not. */
  readonly hasFinished: () => boolean;
  /** Lets it finish what it is doing. *Returns* its last report. */
  readonly finish: () => Promise<AppCounters>;
}

const nothingYet: AppCounters = {
  queries: 0,
  payments: 0,
  freshLogins: 0,
  failures: 0,
  failedWith: [],
  moves: 0,
  challenges: 0,
  webhooks: 0,
  version: null,
};

/** How long it may take to begin or to finish. */
const maxMs = 30_000;

/**
 * Starts the sample application in a process of its own. What it needs to know reaches it over IPC, never by argument.
 *
 * *Errors* `DEMO_BROKEN_OFF` where it ends before it listens.
 */
export async function startApp(program: readonly string[], order: AppOrder): Promise<RunningApp> {
  const [path = '', ...loader] = [...program].reverse();
  const printed = openSync(join(order.folder, `${order.consumer}.log`), 'a', 0o600);
  const child = fork(path, [], {
    execArgv: loader.reverse(),
    cwd: '/',
    env: { ...programEnvironment, TMPDIR: order.folder },
    stdio: ['ignore', printed, printed, 'ipc'],
    detached: true,
  });
  closeSync(printed);
  const ended = once(child, 'close').catch(() => undefined);
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  let counters = nothingYet;
  let hasFinished = false;
  const tell = (message: ToApp): void => void child.send(message, () => {});

  const port = await new Promise<number>((resolve, reject) => {
    const fail = (): void =>
      reject(keyturnError('DEMO_BROKEN_OFF', { finding: `the application ${order.consumer} ended` }));
    void ended.then(fail);
    setTimeout(fail, maxMs).unref();
    child.on('message', (message: FromApp) => {
      if (message.kind === 'listening') resolve(message.port);
      else counters = message.counters;
      if (message.kind === 'finished') hasFinished = true;
    });
    tell({ kind: 'start', order });
  });
  return {
    pid: child.pid ?? 0,
    port,
    counters: () => counters,
    isRunning: () => !hasEnded,
    hasFinished: () => hasFinished,
    refuseNextCanary: () => tell({ kind: 'refuse-next-canary' }),
    rest: () => tell({ kind: 'rest' }),
    wake: () => tell({ kind: 'wake' }),
    finish: async () => {
      const late = setTimeout(() => child.kill('SIGKILL'), maxMs);
      tell({ kind: 'finish' });
      await ended;
      clearTimeout(late);
      return counters;
    },
  };
}
