import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import { built } from '../support/built.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A worker of the built command that writes down whatever Node can write down of it. */
export interface ObservedWorker {
  readonly pid: number;
  /** Everything it wrote so far. */
  readonly output: () => string;
  /** The text of its metrics page, and of its health pages. */
  readonly pages: () => Promise<string>;
  /** Has it write a diagnostic report into {@link reports}. */
  readonly report: () => Promise<void>;
  /** Ends it by an exception that nobody catches, of which it writes a report as well. */
  readonly crash: () => Promise<void>;
  /** The folder of its diagnostic reports. */
  readonly reports: string;
}

/** How the worker is started. */
export interface ObserveOptions {
  readonly configFile: string;
  readonly databaseUrl: string;
  readonly queueUrl: string;
}

const preload = (name: string): readonly string[] => ['--import', new URL(`../support/${name}`, import.meta.url).href];

/** Starts it, at debug level. It is killed when the test has finished. */
export async function observeWorker({ configFile, databaseUrl, queueUrl }: ObserveOptions): Promise<ObservedWorker> {
  const reports = await temporaryFolder();
  const child = spawn(
    process.execPath,
    [
      ...preload('plant-canary-process.mjs'),
      ...preload('crash-on-signal-process.mjs'),
      ...['--report-on-signal', '--report-directory', reports],
      built('src/cli/bin.js'),
      ...['worker', '--config', configFile, '--concurrency', '2', '--health-port', '0', '--json'],
    ],
    {
      cwd: '/',
      env: {
        PATH: process.env['PATH'],
        JITI_FS_CACHE: 'false',
        KEYTURN_DATABASE_URL: databaseUrl,
        KEYTURN_QUEUE_URL: queueUrl,
        KEYTURN_LOG_LEVEL: 'debug',
        // Scanned with its reports.
        TMPDIR: reports,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  let hasEnded = false;
  const ended = once(child, 'close').then(() => (hasEnded = true));
  const address = await eventually(
    'the worker names its health page',
    () => (hasEnded ? '' : /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0]),
    { maxMs: 60_000 },
  );
  if (address === '') throw new Error(`the worker ended: ${output}`);
  const written = async (number: number): Promise<void> => {
    await eventually(
      `report ${number} is written`,
      async () => (await readdir(reports)).filter((name) => name.startsWith('report')).length >= number,
      {
        maxMs: 60_000,
      },
    );
  };
  return {
    pid: child.pid ?? 0,
    output: () => output,
    reports,
    pages: async () => {
      const pages = ['/metrics', '/livez', '/readyz'].map(async (page) => (await fetch(`${address}${page}`)).text());
      return (await Promise.all(pages)).join('\n');
    },
    report: async () => {
      child.kill('SIGUSR2');
      await written(1);
    },
    crash: async () => {
      child.kill('SIGALRM');
      await ended;
      await written(2);
    },
  };
}
