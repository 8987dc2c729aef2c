import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { eventually } from './eventually.js';
import type { LaunchAnswer, LaunchArgument } from './launch-process.js';

/** A process of its own that starts an embedded server. */
export interface Launcher {
  readonly pid: number;
  /** Settles when the server is up. *Errors*: the launcher ended first; the message is what it wrote to stderr. */
  readonly answer: () => Promise<LaunchAnswer>;
  /** Everything it wrote, so far. */
  readonly output: () => string;
  /** Settles when the process has ended. */
  readonly ended: Promise<unknown>;
  /** Closes its stdin, on which it stops the server and ends. */
  readonly close: () => Promise<void>;
}

/** How the process differs from this one. */
export interface LauncherOptions {
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Where it, and with it its ephemeral servers, keep temporary files. */
  readonly temporaryFolder?: string;
}

/** Starts the process, in a process group of its own. The caller sees to its end. */
export function launch(argument: LaunchArgument, { user, temporaryFolder }: LauncherOptions = {}): Launcher {
  const entry = fileURLToPath(new URL('./launch-process.ts', import.meta.url));
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(
    process.execPath,
    ['--import', loader, entry, JSON.stringify(argument)],
    {
      ...user,
      cwd: '/',
      env: { PATH: process.env['PATH'], ...(temporaryFolder === undefined ? {} : { TMPDIR: temporaryFolder }) },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    },
  );
  let output = '';
  let complaint = '';
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  let hasEnded = false;
  const ended = once(child, 'close').then(() => (hasEnded = true));
  return {
    pid: child.pid ?? 0,
    answer: async () => {
      const line = await eventually(
        'the launcher answers',
        () => (output.includes('\n') ? output.split('\n', 1)[0] : hasEnded ? '' : undefined),
        { maxMs: 60_000 },
      );
      if (line === '') throw new Error(complaint);
      return JSON.parse(line) as LaunchAnswer;
    },
    output: () => output,
    ended,
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
