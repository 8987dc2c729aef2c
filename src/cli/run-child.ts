import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { keyturnError } from '../core/errors.js';

/** A command of somebody else's, and the whole environment it gets. */
export interface ChildCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** True where a terminal stands behind standard input: it tells whatever runs there of Ctrl-C by itself. */
  readonly isAtTerminal: boolean;
}

const passedOn = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const fromTheTerminal = ['SIGINT', 'SIGQUIT', 'SIGCONT', 'SIGWINCH'] as const;

/**
 * Runs a command with our own standard input, output and error, and passes on every signal. No shell is in between.
 *
 * *Returns* its exit code; 128 and the number of the signal where one ended it, as a shell says it.
 * *Errors* `COMMAND_NOT_STARTED`.
 */
export async function runChild({ program, args, variables, isAtTerminal }: ChildCommand): Promise<number> {
  let signal: ((name: NodeJS.Signals) => void) | undefined;
  const listeners = [...passedOn, ...fromTheTerminal].map((name) => {
    const isTold = isAtTerminal && fromTheTerminal.some((each) => each === name);
    const listener = (): void => (isTold ? undefined : signal?.(name));
    process.on(name, listener);
    return { name, listener };
  });
  try {
    return await new Promise<number>((resolve, reject) => {
      const child = spawned(program, args, variables);
      signal = (name) => void child.kill(name);
      child.once('error', (error) => reject(notStarted(program, error)));
      child.once('exit', (code, ended) => resolve(code ?? 128 + (ended === null ? 0 : constants.signals[ended])));
    });
  } finally {
    for (const { name, listener } of listeners) process.off(name, listener);
  }
}

/** Some of what the system refuses is an event, and the rest is thrown. */
function spawned(program: string, args: readonly string[], env: ChildCommand['variables']): ChildProcess {
  try {
    return spawn(program, args, { env, stdio: 'inherit' });
  } catch (error) {
    throw notStarted(program, error);
  }
}

/** Only the code goes on: an error of `spawn` holds everything it was called with. */
function notStarted(command: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  switch (code) {
    case 'ENOENT':
      return refused(command, 'there is no such command', 'Name a program that is on the PATH, or its whole path.');
    case 'EACCES':
      return refused(command, 'it may not be run', 'Make the file executable, or name another one.');
    case 'E2BIG':
      return refused(command, 'its variables are larger than the system allows', 'Give a --path that holds less.');
    default:
      return refused(command, `the system refused it (${code})`, 'Run it without keyturn to see why.');
  }
}

const refused = (command: string, finding: string, cure: string): Error =>
  keyturnError('COMMAND_NOT_STARTED', { command, finding, cure });
