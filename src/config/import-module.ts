import { createJiti } from 'jiti';
import { ownDoors } from './own-doors.js';

/** How a module is loaded. */
export interface ImportOptions {
  /** True: it and what it imports are run again, whatever this process has loaded before. */
  readonly isFresh: boolean;
}

/**
 * Runs a module, TypeScript or JavaScript, and gives its default export, or all of them where it has none.
 *
 * In it `keyturn` and `keyturn/…` are this very package, wherever the file lies: a folder without `node_modules` will do.
 * *Errors* whatever it throws: the caller says what was being loaded, because what was thrown may hold a value.
 */
export async function importModule(file: string, { isFresh }: ImportOptions): Promise<unknown> {
  const jiti = createJiti(import.meta.url, { alias: ownDoors(), fsCache: false, moduleCache: !isFresh });
  return jiti.import(file, { default: true });
}

/** A code of Node's or the name of the error's class; a message may quote a value. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it threw something that is not an error';
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^[A-Z][A-Z_]{2,40}$/.test(code)) return code;
  return /^[A-Z][A-Za-z]{2,40}$/.test(error.name) ? error.name : 'Error';
}
