import { type ChildProcess, spawn } from 'node:child_process';
import { codeOf } from './setting-error.js';

/** A command of the operator, to be run whenever it is time. */
export interface Command {
  /** The program and its arguments. `{file}` in them stands for the path of a file. */
  readonly words: readonly [string, ...string[]];
  /** The whole environment it gets. */
  readonly variables: Readonly<Record<string, string>>;
  /** After how long it is killed, with all that it has started. */
  readonly timeoutMs: number;
}

/** What became of it. `unknown`: it has not said yes or no. */
export type CommandOutcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

/**
 * Whether an exit code says that the question could not be answered: EX_TEMPFAIL of sysexits.h, and from 124 on what
 * `timeout`, shells and `ssh` say where a command took too long, could not be run, was not found, was ended by a signal, or
 * nobody was reached. None of them is a verdict on a credential.
 * https://www.gnu.org/software/coreutils/manual/html_node/timeout-invocation.html
 */
const isUndecided = (code: number): boolean => code === 75 || code >= 124;

/**
 * Reads a command as it was typed: words between blanks, quoted by `'` or `"`. No shell is in between, so nothing else has a
 * meaning. *Returns* undefined where there is no word, or a quote is not closed.
 */
export function wordsOf(text: string): Command['words'] | undefined {
  const words: string[] = [];
  const word = /\s*((?:[^\s'"]|'[^']*'|"[^"]*")+)\s*/y;
  while (word.lastIndex < text.length) {
    const found = word.exec(text)?.[1];
    if (found === undefined) return undefined;
    words.push(found.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ''));
  }
  const [program, ...rest] = words;
  return program === undefined || program === '' ? undefined : [program, ...rest];
}

/**
 * Runs it to its end. What it writes goes to our standard error: standard output is for machines. It is told the path of a
 * file and never a value. Never throws.
 */
export async function runCommand(
  { words, variables, timeoutMs }: Command,
  { file, signal }: { readonly file: string; readonly signal: AbortSignal },
): Promise<CommandOutcome> {
  const [program, ...args] = words.map((word) => word.replaceAll('{file}', file));
  const unknown = (why: string): CommandOutcome => ({ kind: 'unknown', why });
  if (signal.aborted) return unknown('the agent ends');
  let child: ChildProcess;
  try {
    // A group of its own: what is late is ended with all that it has started.
    child = spawn(program ?? '', args, { env: { ...variables }, stdio: ['ignore', 2, 2], detached: true });
  } catch (error) {
    return unknown(`it cannot be run (${codeOf(error)})`);
  }
  return new Promise<CommandOutcome>((resolve) => {
    let late = '';
    const end = (why: string): void => {
      late = why;
      kill(child);
    };
    const timer = setTimeout(() => end(`it took longer than ${timeoutMs} ms`), timeoutMs);
    const onAbort = (): void => end('the agent ends');
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = (outcome: CommandOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    // An error of `spawn` holds everything it was called with: only its code goes on.
    child.once('error', (error) => settle(unknown(`it cannot be run (${codeOf(error)})`)));
    child.once('exit', (code, ended) => {
      if (late !== '') settle(unknown(late));
      else if (code === null) settle(unknown(`${ended ?? 'a signal'} ended it`));
      else if (code === 0) settle({ kind: 'passed' });
      else settle({ kind: isUndecided(code) ? 'unknown' : 'failed', why: `it exited with ${code}` });
    });
  });
}

function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended since.
  }
}
