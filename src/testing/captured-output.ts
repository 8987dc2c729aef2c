import childProcess, { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { format } from 'node:util';

const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table'] as const;

type Call = (...given: unknown[]) => unknown;

/** Where everybody on the machine, or whoever keeps the logs, can read what a process lets out. */
export type Place = 'the output of the process' | 'the arguments of a process it started';

/** Is told of what is about to be let out. *Returns* false where it is to be held back. */
export type Listener = (where: Place, text: string) => boolean;

/** Everybody who listens now: cases may run inside one another, and beside each other. */
const listeners = new Set<Listener>();
let restore: readonly (() => unknown)[] = [];

/**
 * Does something and is told of all that is let out meanwhile: what is written to standard output and error, as streams or
 * by their numbers, by `console`, and as a warning of the process; and the arguments of every process that is started. What
 * nobody holds back still goes where it goes; warnings and arguments always do.
 */
export async function capturingOutput(act: () => Promise<void>, listener: Listener): Promise<void> {
  if (listeners.size === 0) restore = patched();
  listeners.add(listener);
  try {
    await act();
  } finally {
    listeners.delete(listener);
    if (listeners.size === 0) {
      for (const undo of restore) undo();
      syncBuiltinESMExports();
    }
  }
}

/** The innermost first: what one holds back the others do not hear. */
const told = (where: Place, text: string): boolean =>
  [...listeners].reverse().every((listener) => listener(where, text));

/** *Returns* what puts everything back. */
function patched(): readonly (() => unknown)[] {
  const hear = (text: string): boolean => told('the output of the process', text);
  const heard = (chunk: unknown): boolean =>
    hear(chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : `${chunk as string}`);
  const written = (file: unknown, chunk: unknown): boolean => (file !== 1 && file !== 2) || heard(chunk);
  const started = (...given: unknown[]): boolean => {
    told('the arguments of a process it started', given.flatMap(textsOf).join('\n'));
    return true;
  };
  const warned = (warning: Error): unknown => hear(format(warning));
  const undone = [
    listening(fs, 'writeSync', written, (_file, chunk) => Buffer.byteLength(chunk as string)),
    listening(fs, 'write', written, asWritten),
    listening(ChildProcess.prototype, 'spawn', started, () => undefined),
    ...(['spawnSync', 'execFileSync', 'execSync'] as const).map((name) =>
      listening(childProcess, name, started, () => undefined),
    ),
    ...[process.stdout, process.stderr].map((stream) => listening(stream, 'write', heard, asWritten)),
    // A test runner may have put a console of its own in the place of Node's, which writes elsewhere.
    ...methods.map((name) =>
      listening(
        globalThis.console,
        name,
        (...given) => hear(format(...given)),
        () => undefined,
      ),
    ),
    () => process.off('warning', warned),
  ];
  process.on('warning', warned);
  syncBuiltinESMExports();
  return undone;
}

/** What a process is started with: its command, its arguments, or an object that has them. Its environment is its own. */
function textsOf(given: unknown): readonly string[] {
  if (typeof given === 'string') return [given];
  if (Array.isArray(given)) return given.map(String);
  const { args } = (given ?? {}) as { readonly args?: unknown };
  return Array.isArray(args) ? args.map(String) : [];
}

/** Is told of every call of a method, and does `instead` where it holds one back. *Returns* what puts the method back. */
function listening(of: object, name: string, hear: (...given: unknown[]) => boolean, instead: Call): () => unknown {
  const before = Object.getOwnPropertyDescriptor(of, name);
  // Both are methods of Node's that take anything.
  const method = Reflect.get(of, name) as Call;
  const value: Call = function (this: unknown, ...given) {
    return hear(...given) ? method.apply(this ?? of, given) : instead(...given);
  };
  Object.defineProperty(of, name, { value, configurable: true, writable: true });
  return () => (before === undefined ? Reflect.deleteProperty(of, name) : Object.defineProperty(of, name, before));
}

/** Whoever waits until it was written goes on. */
function asWritten(...given: readonly unknown[]): boolean {
  const done = given.at(-1);
  if (typeof done === 'function') process.nextTick(done); // Without an error, as after a write.
  return true;
}
