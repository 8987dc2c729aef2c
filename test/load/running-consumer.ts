import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { programOf } from '../../src/embedded/demo/program.js';
import { programEnvironment } from '../../src/embedded/run-program.js';
import type { ConsumerCounters, ConsumerOrder, FromConsumer, ToConsumer } from './consumer-protocol.js';

/** A consumer, seen from the rig. */
export interface RunningConsumer {
  readonly name: string;
  readonly pid: number;
  /** Where it answers challenges. */
  readonly port: number;
  /** The newest report. */
  readonly counters: () => ConsumerCounters;
  /** False once its process has ended. */
  readonly isRunning: () => boolean;
  readonly work: () => void;
  /** Lets it end what it is doing. *Returns* its last report; null where it died before it gave one. *Repeat*: harmless. */
  readonly finish: () => Promise<ConsumerCounters | null>;
}

// Its tsconfig says where `keyturn/consumer` is: the sources, as for everything else in the rig but the workers.
const root = fileURLToPath(new URL('../../', import.meta.url));

const nothingYet: ConsumerCounters = {
  queries: 0,
  freshLogins: 0,
  failures: 0,
  firstFailures: [],
  refreshes: 0,
  moves: 0,
  challenges: 0,
  webhooks: 0,
  holding: 0,
};

/** How long the last query may take to end. */
const maxFinishMs = 180_000;

/** Starts a consumer in a process of its own. What it needs to know reaches it over IPC, never by argument. */
export async function startConsumer(order: ConsumerOrder, watch: (pid: number) => void): Promise<RunningConsumer> {
  const [path = '', ...loader] = [...programOf('./consumer-process', import.meta.url)].reverse();
  const child = fork(path, [], {
    execArgv: loader.reverse(),
    cwd: root,
    env: { ...programEnvironment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    detached: true,
  });
  const pid = child.pid ?? 0;
  watch(pid);
  let counters = nothingYet;
  let hasEnded = false;
  let hasFinished = false;
  const ended = once(child, 'close')
    .catch(() => undefined)
    .then(() => void (hasEnded = true));
  const tell = (message: ToConsumer): void => void child.send(message, () => {});
  const port = await new Promise<number>((resolve, reject) => {
    void ended.then(() => reject(new Error(`${order.name} ended before it listened`)));
    child.on('message', (message: FromConsumer) => {
      if (message.kind === 'listening') resolve(message.port);
      else counters = message.counters;
      if (message.kind === 'finished') hasFinished = true;
    });
    tell({ kind: 'start', order });
  });
  return {
    name: order.name,
    pid,
    port,
    counters: () => counters,
    isRunning: () => !hasEnded,
    work: () => tell({ kind: 'work' }),
    finish: async () => {
      const late = setTimeout(() => child.kill('SIGKILL'), maxFinishMs);
      if (!hasEnded) tell({ kind: 'finish' });
      await ended;
      clearTimeout(late);
      return hasFinished ? counters : null;
    },
  };
}
