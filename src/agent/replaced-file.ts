import { randomBytes } from 'node:crypto';
import { constants, lstat, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AgentSettingError, codeOf } from './setting-error.js';

/**
 * Puts these bytes where the file is, with mode 0600 whatever the umask. Whoever opens the file reads what it held before
 * or what it holds now, whole, also after a crash or a power cut at any moment.
 *
 * *Errors* `AgentSettingError` where it is a link, no file, or somebody else's; those of the system.
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await refuseUnfit(path);
  const draft = join(dirname(path), `${draftPrefix(path)}${randomBytes(9).toString('hex')}`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(draft, flags, 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(bytes);
    // Without it a power cut leaves the new name on an empty file.
    await handle.sync();
    await rename(draft, path);
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
  await syncFolder(path);
}

/**
 * Reads the file. *Returns* undefined where there is none.
 *
 * Takes back what others were allowed to do with it, so that what is there already is as private as what is written.
 * *Errors*: as {@link replaceFile}.
 */
export async function readOwnFile(path: string): Promise<Buffer | undefined> {
  if (!(await refuseUnfit(path))) return undefined;
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if (((await handle.stat()).mode & 0o077) !== 0) await handle.chmod(0o600);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Removes a file that may not be there. *Repeat*: harmless. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

/** Tells which names in its folder are of what was begun to be written for it, and may have been left so. */
export function draftsOf(path: string): (name: string) => boolean {
  const prefix = draftPrefix(path);
  return (name) => name.startsWith(prefix) && /^[0-9a-f]{18}$/.test(name.slice(prefix.length));
}

/** Makes that a name was made or taken away outlast a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Hidden, and beside the file: a rename does not cross file systems. */
const draftPrefix = (path: string): string => `.${basename(path)}.keyturn-`;

/** *Returns* whether there is a file. */
async function refuseUnfit(path: string): Promise<boolean> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return false;
  if (found.isSymbolicLink()) {
    throw new AgentSettingError('--file', `${path} is a link, and links are not followed`, 'Name the file itself.');
  }
  if (!found.isFile()) {
    throw new AgentSettingError('--file', `${path} is there and is no file`, 'Name a file, or one that is not there.');
  }
  // What is renamed into its place is ours: whoever could read it before could not read it any more.
  if (process.geteuid !== undefined && found.uid !== process.geteuid()) {
    const cure = 'Run the agent as the user of the application, or name a file that is not there yet.';
    throw new AgentSettingError('--file', `${path} belongs to another user`, cure);
  }
  return true;
}
