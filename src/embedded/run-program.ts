import { spawn } from 'node:child_process';

/** Who a child process runs as; absent where we are not root and everything runs as ourselves. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** How a program is run. */
export interface ProgramOptions {
  readonly user?: ServerUser | undefined;
  /** Kills the program, and whatever it has started, with SIGKILL. */
  readonly signal?: AbortSignal;
}

/** How a program ended. */
export interface ProgramResult {
  /** Its exit status; `undefined` where it could not be started or died by a signal. */
  readonly status: number | undefined;
  /** What it wrote to stdout and stderr, at most 64 KiB of it. */
  readonly output: string;
  /** Why it could not be started: the system's code, for example `ENOENT` or `EACCES`. */
  readonly notStarted?: string;
}

/**
 * The whole environment of every program the embedded server needs. Nothing is inherited: a `PGDATA` or `PGOPTIONS` of
 * the shell must not change what we start, and initdb reads the time zone far faster from here than by guessing it.
 */
export const programEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/',
  LANG: 'C',
  LC_ALL: 'C',
  TZ: 'UTC',
} as const;

const maxOutputBytes = 65_536;

/** Runs a program to its end. Never rejects: what went wrong is in the result. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const { user, signal } = options;
    // A process group of its own, because initdb starts servers which must not outlive it.
    const child = spawn(program, args, {
      ...user,
      cwd: '/',
      env: { ...programEnvironment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      if (output.length < maxOutputBytes) output += chunk.toString('utf8');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const kill = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself in the meantime.
      }
    };
    signal?.addEventListener('abort', kill, { once: true });
    if (signal?.aborted === true) kill();
    child.once('error', (error: NodeJS.ErrnoException) => {
      signal?.removeEventListener('abort', kill);
      resolve({ status: undefined, output, notStarted: error.code ?? error.name });
    });
    child.once('close', (status) => {
      signal?.removeEventListener('abort', kill);
      resolve({ status: status ?? undefined, output });
    });
  });
}
