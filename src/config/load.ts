import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isKeyturnError, keyturnError } from '../core/errors.js';
import type { Config } from './config.js';
import { importModule, nameOf } from './import-module.js';
import { type OpenIsolated, openIsolatedRotators } from './isolated.js';
import type { ParseOptions } from './parse.js';
import { parseConfig } from './parse.js';
import { configSchema } from './schema.js';

/** What a configuration is loaded with. */
export interface LoadOptions extends Omit<ParseOptions, 'file' | 'isolated'> {
  /** Opens what it names by `isolated(…)`. Default: such a configuration is refused. */
  readonly openIsolated?: OpenIsolated;
}

/** What a configuration file is called, in the order in which it is looked for. */
export const configNames = ['keyturn.config.ts', 'keyturn.config.js', 'keyturn.config.mjs'] as const;

/** *Returns* the configuration of a folder, absolute; `undefined` where it has none. */
export function findConfig(folder: string): string | undefined {
  return configNames.map((name) => join(resolve(folder), name)).find((path) => existsSync(path));
}

/**
 * Loads and checks a configuration file, TypeScript or JavaScript.
 *
 * In it `keyturn` and `keyturn/…` are this very package, wherever the file lies: a folder without `node_modules` will do.
 *
 * *Errors* `CONFIG_MISSING`, `CONFIG_FAILED` where running it threw (what it threw is the cause, and nowhere else,
 * because it may hold a value), those of `parseConfig` and of `openIsolated`.
 */
export async function loadConfig(path: string, { openIsolated, ...options }: LoadOptions): Promise<Config> {
  const file = resolve(path);
  if (!existsSync(file)) throw keyturnError('CONFIG_MISSING', { file });
  const loaded = await run(file);
  try {
    // Of another shape it is refused by the parser, with all that is wrong.
    const shaped = configSchema.safeParse(loaded);
    const isMeant = shaped.success && openIsolated !== undefined;
    const isolated = isMeant ? await openIsolatedRotators(shaped.data, { file, open: openIsolated }) : new Map();
    return parseConfig(loaded, { ...options, file, isolated });
  } catch (error) {
    if (isKeyturnError(error)) throw error;
    // What it exports ran while it was read: a getter that throws, an object that holds itself.
    throw keyturnError('CONFIG_FAILED', { file, finding: nameOf(error) }, error);
  }
}

async function run(file: string): Promise<unknown> {
  try {
    return await importModule(file, { isFresh: true });
  } catch (error) {
    throw keyturnError('CONFIG_FAILED', { file, finding: nameOf(error) }, error);
  }
}
