import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inspect } from 'node:util';
import type { Sink } from './leak-scanner.js';

/** A file, or every file below a folder, by its way from there, which begins with `name`. One that is gone is none. */
export async function* filesAt(path: string, name?: string): AsyncGenerator<Sink> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    for (const inner of await readdir(path).catch(() => [])) {
      yield* filesAt(join(path, inner), name === undefined ? inner : `${name}/${inner}`);
    }
  } else if (found?.isFile() === true) {
    // It may have gone since.
    const content = await readFile(path).catch(() => undefined);
    if (content !== undefined) yield { name: name ?? basename(path), content };
  }
}

/** Arguments and environment of processes: others can read the first, and a core dump holds both. */
export async function* processesOf(pids: readonly number[]): AsyncGenerator<Sink> {
  for (const pid of pids) {
    for (const what of ['cmdline', 'environ']) {
      const content = await readFile(`/proc/${pid}/${what}`).catch(() => undefined);
      if (content !== undefined) yield { name: `${what} of a process`, content };
    }
  }
}

/** Whatever was printed, sent or received, as it was. */
export function textSink(name: string, text: string): Sink {
  return { name, content: Buffer.from(text) };
}

/** What an error shows to whoever prints, inspects or serialises it, with its causes and all that hangs on it. */
export function errorSink(name: string, error: unknown): Sink {
  const options = { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null };
  return textSink(name, [inspect(error, options), serialised(error), ...stacksOf(error)].join('\n'));
}

/** JSON leaves out what an error has but does not list. */
function serialised(error: unknown): string {
  const seen = new Set<unknown>();
  const open = (_: string, value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? `${value}` : value;
    if (seen.has(value)) return '[seen]';
    seen.add(value);
    if (!(value instanceof Error)) return value;
    return Object.fromEntries(
      Object.getOwnPropertyNames(value).map((key) => [key, Reflect.get(value, key) as unknown]),
    );
  };
  try {
    return JSON.stringify(error, open) ?? '';
  } catch (refusal) {
    // A Secret refuses, and shows nothing by that.
    return `${refusal instanceof Error ? refusal.name : typeof refusal}`;
  }
}

function stacksOf(error: unknown, above: readonly unknown[] = []): readonly string[] {
  if (!(error instanceof Error) || above.includes(error)) return [];
  const inner = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [];
  return [`${error.stack}`, ...[error.cause, ...inner].flatMap((each) => stacksOf(each, [...above, error]))];
}
