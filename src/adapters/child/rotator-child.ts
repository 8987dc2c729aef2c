import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Duplex, Readable } from 'node:stream';
import type { RotatorLog } from '../../contract/rotator.js';
import { lineClosed, openChannel } from './channel.js';
import { childOutput } from './child-output.js';
import { watchMemory } from './memory-watch.js';
import { type Request, type WireError, reportSchema } from './messages.js';
import { type Allowance, nodeArguments } from './node-arguments.js';
import { makeWorkingFolder } from './working-folder.js';

/** How the process of a rotator is started. */
export interface ChildOptions extends Omit<Allowance, 'workingFolder'> {
  /** Its whole environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** How long it has after an abort, or after it was told to close, before it is killed. Milliseconds. */
  readonly graceMs: number;
  /** Where what it has written goes, once it has ended. */
  readonly log: () => RotatorLog;
}

/** A request without its number. */
export type Question = Unnumbered<Extract<Request, { readonly id: number }>>;
type Unnumbered<Each> = Each extends unknown ? Omit<Each, 'id'> : never;

/** How long an answer is waited for. */
export interface Patience {
  readonly signal?: AbortSignal;
  readonly deadlineMs: number;
}

/** The process of one rotator. */
export interface RotatorChild {
  /**
   * Asks, and waits for the answer. At the deadline, or when the signal aborts, the rotator is told so; `graceMs` later
   * the process is killed. *Errors* {@link ThrownInChild} for what the rotator threw, {@link ChildEnded}.
   */
  ask(question: Question, patience: Patience): Promise<unknown>;
  /** Lets it close and ends it, by force where it does not. *Repeat*: harmless. Never rejects. *Returns* false where it was by force. */
  end(): Promise<boolean>;
  readonly hasEnded: () => boolean;
}

/** What a rotator threw. */
export class ThrownInChild extends Error {
  override readonly name = 'ThrownInChild';

  constructor(readonly error: WireError) {
    super(error.kind === 'unknown' ? error.message : error.code);
  }
}

/** The process ended before it answered. Whether the call took effect is unknown. */
export class ChildEnded extends Error {
  override readonly name = 'ChildEnded';

  constructor(
    /** How it ended, without anything it wrote. */
    readonly finding: string,
    /** True where it was told to end. */
    readonly wasAsked: boolean,
  ) {
    super(finding);
  }
}

interface Waiting {
  /** True where the answer was to hold a value that this side has not seen yet. */
  readonly gives: boolean;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Lines of a rotator's log that are taken of one process. */
const maxLogLines = 500;

/** Starts the process in an empty folder of its own, which goes when it ends. It has loaded nothing yet. */
export async function startChild(options: ChildOptions): Promise<RotatorChild> {
  const workingFolder = await makeWorkingFolder();
  const removeFolder = (): Promise<void> => rm(workingFolder, { recursive: true, force: true, maxRetries: 5 });
  let child: ChildProcess;
  try {
    child = await spawned(options, workingFolder);
  } catch (error) {
    await removeFolder();
    throw new ChildEnded(`it could not be started (${codeOf(error)})`, false);
  }
  const waiting = new Map<number, Waiting>();
  const output = childOutput([child.stdout, child.stderr]);
  let numbered = 0;
  let lines = 0;
  let wasAsked = false;
  let over: ChildEnded | undefined;
  let why: string | undefined;
  const kill = (finding: string): void => {
    if (over !== undefined) return;
    why ??= finding;
    killGroup(child);
  };
  const stopWatching = watchMemory(child.pid, options.maxMemoryMb, kill);
  const channel = openChannel(child.stdio[3] as Duplex, {
    message: (message) => {
      const report = reportSchema.parse(message);
      if (report.kind === 'log') {
        lines += 1;
        if (lines <= maxLogLines) options.log()[report.level](report.facts, report.message);
        return;
      }
      const waits = waiting.get(report.id);
      if (report.kind === 'answered') waits?.resolve(report.answer);
      else waits?.reject(new ThrownInChild(report.error));
    },
    broken: (finding) => {
      // One that has just ended closes it as well, and how it ended says more.
      if (finding === lineClosed) setTimeout(() => kill(finding), options.graceMs).unref();
      else kill(finding);
    },
  });
  const ended = onceEnded(child).then(async (finding) => {
    stopWatching();
    // What it has started goes with it, and lets go of its output.
    killGroup(child);
    const text = await output.closed();
    over = new ChildEnded(why ?? (text.ranOutOfMemory ? outOfMemory(options.maxMemoryMb) : finding), wasAsked);
    const unanswered = [...waiting.values()];
    for (const { reject } of unanswered) reject(over);
    const isUnseen = unanswered.some(({ gives }) => gives);
    text.tell(options.log(), { level: wasAsked ? 'debug' : 'warn', isUnseen });
    await removeFolder().catch(() => undefined);
  });
  const send = (message: Request): void => channel.send(message);
  return {
    hasEnded: () => over !== undefined,
    ask: async (question, { signal, deadlineMs }) => {
      if (over !== undefined) throw over;
      numbered += 1;
      const id = numbered;
      const timers: NodeJS.Timeout[] = [];
      const giveUp = (): void => {
        if (timers.length > 1) return;
        send({ kind: 'abort', id });
        timers.push(
          setTimeout(() => kill(`it did not answer ${question.kind} within ${deadlineMs} ms`), options.graceMs),
        );
      };
      timers.push(setTimeout(giveUp, deadlineMs));
      signal?.addEventListener('abort', giveUp, { once: true });
      try {
        return await new Promise<unknown>((resolve, reject) => {
          waiting.set(id, { gives: givesValue(question), resolve, reject });
          send({ ...question, id });
          if (signal?.aborted === true) giveUp();
        });
      } finally {
        waiting.delete(id);
        signal?.removeEventListener('abort', giveUp);
        for (const timer of timers) clearTimeout(timer);
      }
    },
    end: async () => {
      wasAsked = true;
      if (over === undefined) send({ kind: 'close' });
      const timer = setTimeout(() => kill('it did not close'), options.graceMs);
      await ended;
      clearTimeout(timer);
      return why === undefined;
    },
  };
}

/** Where the value is not ours, the target shows it to the rotator first. */
function givesValue(question: Question): boolean {
  if (question.kind !== 'call' || (question.member !== 'create' && question.member !== 'propose')) return false;
  const [given] = question.args;
  return typeof given !== 'object' || given === null || !('value' in given) || given.value === undefined;
}

type ChildProcess = ChildProcessByStdio<null, Readable, Readable>;

/**
 * In a process group of its own, so that what it starts can be ended with it, and Ctrl-C is ours to pass on. *Errors* those
 * of the system, which has no process or descriptor left: the pipes may then not be there either.
 */
async function spawned(options: ChildOptions, workingFolder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, nodeArguments({ ...options, workingFolder }), {
    cwd: workingFolder,
    env: { ...options.variables },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  }) as ChildProcess;
  const failed = new Promise<Error>((resolve) => child.on('error', resolve));
  if (child.pid === undefined) throw await failed;
  return child;
}

async function onceEnded(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `it ended with code ${String(code)}` : `it was ended by ${signal}`),
    );
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended by itself.
  }
}

const outOfMemory = (maxMemoryMb: number): string => `it needed more than the ${maxMemoryMb} MB of heap it may have`;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
