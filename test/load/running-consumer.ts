import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
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

/** Loaded after the loader, so that only what the consumer itself leaves is in its folder. */
const ownTemporaryFolder = new URL('../support/own-temporary-folder-process.mjs', import.meta.url).href;

/** What a consumer is started with, beside what it is told. */
export interface ConsumerPlace {
  /** Made for it alone: what it prints, and its temporary files. */
  readonly folder: string;
  /** Told of its process, so that it does not outlive the rig. */
  readonly watch: (pid: number) => void;
}

/** How long the last query may take to end. */
const maxFinishMs = 180_000;

/** Starts a consumer in a process of its own. What it needs to know reaches it over IPC, never by argument. */
export async function startConsumer(order: ConsumerOrder, { folder, watch }: ConsumerPlace): Promise<RunningConsumer> {
  mkdirSync(folder, { mode: 0o700, recursive: true });
  const printed = openSync(join(folder, 'printed'), 'wx', 0o600);
  const [path = '', ...loader] = [...programOf('./consumer-process', import.meta.url)].reverse();
  const child = fork(path, [], {
    execArgv: [...loader.reverse(), '--import', ownTemporaryFolder],
    cwd: root,
    env: { ...programEnvironment, KEYTURN_TEST_TEMPORARY_FOLDER: folder },
    stdio: ['ignore', printed, printed, 'ipc'],
    detached: true,
  });
  closeSync(printed);
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
