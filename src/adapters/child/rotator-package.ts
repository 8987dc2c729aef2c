import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { keyturnError } from '../../core/errors.js';

/** An installed package, found by reading and not by loading. */
export interface RotatorPackage {
  /** Absolute, and not a link. */
  readonly folder: string;
  /** The URL of the file that `import` of its name would load. */
  readonly entry: string;
}

const manifestSchema = z.object({ exports: z.unknown().optional(), main: z.string().optional() });

/**
 * Finds a package as an `import` in a file of the folder `from` would: in `node_modules` there and in every folder above it.
 * A name that begins with `./`, `../` or `/` is the path of its folder.
 *
 * *Errors* `ROTATOR_UNFIT` where there is none, or no file to import in it.
 */
export async function findRotatorPackage(name: string, from: string): Promise<RotatorPackage> {
  const folder = await folderOf(name, from);
  if (folder === undefined) {
    const isPath = /^\.{0,2}\//.test(name);
    throw keyturnError('ROTATOR_UNFIT', {
      package: name,
      finding: isPath ? `there is no package in ${resolve(from, name)}` : `it is not installed for ${from}`,
      cure: isPath ? 'Name a folder with a package.json' : `Run: npm install ${name}`,
    });
  }
  const entries = entriesOf(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = await firstFile(entries.map((entry) => join(folder, entry)));
  if (file?.startsWith(`${folder}${sep}`) !== true) {
    throw keyturnError('ROTATOR_UNFIT', {
      package: name,
      finding: 'its package.json names no file of its own to import',
      cure: 'Its `exports` or `main` must name the file whose default export is the rotator',
    });
  }
  return { folder, entry: pathToFileURL(file).href };
}

async function folderOf(name: string, from: string): Promise<string | undefined> {
  const places = /^\.{0,2}\//.test(name) ? [resolve(from, name)] : upwards(from).map((each) => join(each, name));
  for (const place of places) {
    const found = await stat(join(place, 'package.json')).catch(() => undefined);
    if (found?.isFile() === true) return realpath(place);
  }
  return undefined;
}

/** The `node_modules` of a folder and of all above it, the nearest first, whether they are there or not. */
export function upwards(folder: string): readonly string[] {
  const above = dirname(folder);
  return [join(folder, 'node_modules'), ...(above === folder ? [] : upwards(above))];
}

/** As Node reads it for `import`, the first that is there: <https://nodejs.org/api/packages.html#package-entry-points>. */
function entriesOf(manifest: string): readonly string[] {
  const parsed = manifestSchema.safeParse(parseJson(manifest));
  if (!parsed.success) return [];
  const { exports, main } = parsed.data;
  if (exports === undefined || exports === null) {
    return main === undefined ? ['index.js'] : [main, `${main}.js`, join(main, 'index.js'), 'index.js'];
  }
  const isByPath = typeof exports === 'object' && Object.keys(exports).some((key) => key.startsWith('.'));
  const entry = conditional(isByPath ? (exports as Record<string, unknown>)['.'] : exports);
  return entry === undefined ? [] : [entry];
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true) return realpath(path);
  }
  return undefined;
}

function conditional(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  if (typeof target !== 'object' || target === null) return undefined;
  const alternatives: readonly (readonly [string, unknown])[] = Object.entries(target);
  for (const [condition, inner] of alternatives) {
    if (!Array.isArray(target) && !['node', 'import', 'module-sync', 'default'].includes(condition)) continue;
    const found = conditional(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
