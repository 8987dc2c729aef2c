import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { build, built } from '../support/built.js';
import { eventually } from '../support/eventually.js';
import { hosted } from './host.js';

/** What a command answered. */
export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. Its environment is this and `PATH`, nothing else. */
export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** A command that works until it is told to stop. */
export interface RunningKeyturn {
  readonly pid: number;
  /** What it has written so far. */
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  /** Sends SIGTERM and gives the answer. *Repeat*: the same answer. */
  readonly stop: () => Promise<Answer>;
  readonly ended: Promise<Answer>;
}

/** Runs a command of the built program to its end, in a process that has loaded it already. */
export async function keyturn(args: readonly string[], options: RunOptions): Promise<Answer> {
  // These give descriptors of their process away.
  if (args[0] === 'exec' || args.includes('--fd')) return keyturnProcess(args, options);
  const { cwd, env = {}, stdin = '' } = options;
  await build();
  return hosted({ args, cwd, env: withPath(env), stdin });
}

/** Runs a command in a process of its own, for what only a process shows. */
export async function keyturnProcess(args: readonly string[], options: RunOptions): Promise<Answer> {
  await build();
  return start(args, options).ended;
}

/** Starts a command that goes on; it is stopped with the test at the latest. */
export async function startKeyturn(
  args: readonly string[],
  options: RunOptions,
  ready: RegExp | (() => boolean),
): Promise<RunningKeyturn> {
  await build();
  const running = start(args, options);
  onTestFinished(async () => {
    await running.stop();
  });
  let early: Answer | undefined;
  void running.ended.then((answer) => (early = answer));
  const isReady = ready instanceof RegExp ? () => ready.test(running.output().stdout) : ready;
  await eventually(`keyturn ${args[0] ?? ''} says ${String(ready)}`, () => early !== undefined || isReady(), {
    maxMs: 60_000,
  });
  if (early !== undefined) throw new Error(`keyturn ${args.join(' ')} ended (${early.code}): ${early.stderr}`);
  return running;
}

function start(args: readonly string[], { cwd, env = {}, stdin = '' }: RunOptions): RunningKeyturn {
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(
    process.execPath,
    [built('src/cli/bin.js'), ...args],
    { cwd, env: withPath(env), stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const ended = new Promise<Answer>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return {
    pid: child.pid ?? 0,
    output: () => ({ stdout, stderr }),
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

function withPath(env: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', ...env };
}
