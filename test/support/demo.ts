import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { DemoReport } from '../../src/embedded/demo/report.js';
import { built } from './built.js';
import { childrenOf, commandLines, serversIn } from './processes.js';
import { temporaryFolder } from './temporary-folder.js';

/** The demo in a process of its own, from what was built. */
export interface RunningDemo {
  readonly child: ChildProcess;
  /** Where it, and everything it starts, keeps temporary files. */
  readonly folder: string;
  /** What it told on its way. */
  readonly told: () => string;
  /** What it printed to stdout so far. */
  readonly printed: () => string;
  /** Every process it has been seen to start so far. */
  readonly started: () => readonly number[];
  /** Settles when it has ended. */
  readonly ended: Promise<DemoEnd>;
}

/** How the demo ended. */
export interface DemoEnd {
  readonly status: number | null;
  /** The last line of stdout. */
  readonly lastLine: string;
  readonly told: string;
}

/** How often we look which processes it has started. */
const lookEveryMs = 50;

/** Starts `keyturn demo --json`. It is killed when the test has finished. */
export async function startDemo(...args: readonly string[]): Promise<RunningDemo> {
  return run([built('src/cli/bin.js'), 'demo', '--json', ...args]);
}

/** Starts the demo with what `demo-process.mjs` takes. It is killed when the test has finished. */
export async function startChangedDemo(change: object): Promise<RunningDemo> {
  return run([fileURLToPath(new URL('../e2e/demo-process.mjs', import.meta.url)), JSON.stringify(change)], {
    // As `createDoors` sets it.
    JITI_FS_CACHE: 'false',
  });
}

/** The document of `--json`. */
export function reportOf({ lastLine }: DemoEnd): DemoReport {
  return JSON.parse(lastLine) as DemoReport;
}

/** What is left of a demo: its processes that still run, servers in its folder, and files there. */
export async function leftOf({ folder, started }: RunningDemo): Promise<readonly string[]> {
  const running = started().filter((pid) => commandLines().has(pid));
  return [...running, ...serversIn(folder)].map(String).concat(await readdir(folder));
}

async function run(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<RunningDemo> {
  const folder = await temporaryFolder();
  const child = spawn(process.execPath, [...args], {
    cwd: '/',
    env: { PATH: process.env['PATH'], TMPDIR: folder, ...variables },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const started = new Set<number>();
  const looking = setInterval(() => {
    for (const pid of childrenOf(child.pid ?? 0)) started.add(pid);
  }, lookEveryMs);
  const ended = once(child, 'close').then(([status]: (number | null)[]) => {
    clearInterval(looking);
    return { status: status ?? null, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '', told: stderr };
  });
  return { child, folder, told: () => stderr, printed: () => stdout, started: () => [...started], ended };
}
