import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { isKeyturnError, keyturnError } from '../../core/errors.js';
import { lengthPrefixed } from '../../core/length-prefixed.js';

/** More than this is no package of a rotator: reading it would hold up every start. */
const maxFiles = 20_000;
const maxBytes = 268_435_456;

interface Entry {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly kind: 'file' | 'link';
}

/**
 * Names what a folder holds: SHA-512 over every file in it, `node_modules` included, sorted by path; of each its path, its
 * kind and its content (of a symbolic link where it leads). Reads files and loads none. Times, owners and rights do not count.
 *
 * *Returns* `sha512-` and base64. *Errors* `ROTATOR_UNFIT` where it cannot be read, holds a link that leads out of it
 * or something that is no file, or is larger than a package may be.
 */
export async function folderIntegrity(folder: string): Promise<string> {
  const root = await realpath(folder).catch((error: unknown) => {
    throw unfit(folder, `its folder cannot be read (${codeOf(error)})`);
  });
  return hashOf(root).catch((error: unknown) => {
    if (isKeyturnError(error)) throw error;
    throw unfit(folder, `something in it cannot be read (${codeOf(error)})`);
  });
}

async function hashOf(root: string): Promise<string> {
  const entries = (await entriesOf(root, '')).sort((one, other) => (one.path < other.path ? -1 : 1));
  const hash = createHash('sha512');
  let bytes = 0;
  for (const { path, kind } of entries) {
    const content = kind === 'file' ? await readFile(join(root, path)) : Buffer.from(await readlink(join(root, path)));
    bytes += content.length;
    if (bytes > maxBytes) throw unfit(root, `it holds more than ${maxBytes} bytes`);
    hash.update(lengthPrefixed([kind, path, createHash('sha512').update(content).digest('base64')]));
  }
  return `sha512-${hash.digest('base64')}`;
}

async function entriesOf(root: string, below: string, found: Entry[] = []): Promise<Entry[]> {
  for (const name of await readdir(join(root, below))) {
    const path = below === '' ? name : `${below}/${name}`;
    const stat = await lstat(join(root, path));
    if (stat.isDirectory()) await entriesOf(root, path, found);
    else if (stat.isSymbolicLink()) found.push({ path: await linkWithin(root, path), kind: 'link' });
    else if (stat.isFile()) found.push({ path, kind: 'file' });
    else throw unfit(root, `${path} is no file`);
    if (found.length > maxFiles) throw unfit(root, `it holds more than ${maxFiles} files`);
  }
  return found;
}

/** What is behind a link that leads out of the folder could change without the hash. */
async function linkWithin(root: string, path: string): Promise<string> {
  const leads = await realpath(join(root, path)).catch(() => resolve('/'));
  if (leads.startsWith(`${root}${sep}`)) return path;
  throw unfit(root, `the link ${path} leads out of it`);
}

function unfit(folder: string, finding: string): Error {
  return keyturnError('ROTATOR_UNFIT', {
    package: folder,
    finding,
    cure: 'Name the folder of the package as it is installed',
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
