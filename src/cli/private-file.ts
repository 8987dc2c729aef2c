import { randomBytes } from 'node:crypto';
import { type Stats } from 'node:fs';
import { type FileHandle, constants, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { keyturnError } from '../core/errors.js';

/** A file that nobody but its owner can read. It is there whole or not at all. */
export interface PrivateFile {
  /** Writes it, and puts it in its place. *Errors* `VALUE_WITHHELD`. */
  keep(bytes: Uint8Array): Promise<void>;
  /** Leaves nothing behind. *Repeat*: harmless, also after {@link PrivateFile.keep}. */
  discard(): Promise<void>;
}

/**
 * Prepares a file with mode 0600, whatever the umask. A link is never followed; what is there already is replaced with
 * `force` only, by a new file: who has the old one open does not read the new one.
 *
 * *Errors* `VALUE_WITHHELD`, which names the file and the cure.
 */
export async function openPrivateFile(path: string, { force }: { readonly force: boolean }): Promise<PrivateFile> {
  const target = resolve(path);
  refuseTaken(target, await lstat(target).catch(unlessMissing), force);
  const draft = join(dirname(target), `.keyturn-${randomBytes(9).toString('hex')}`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(draft, flags, 0o600).catch((error: unknown) => {
    throw unwritable(target, error);
  });
  let isOpen = true;
  const discard = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await handle.close();
    await unlink(draft).catch(() => {});
  };
  return {
    discard,
    keep: async (bytes) => {
      try {
        await writeWhole(handle, bytes);
        // A link to the draft is refused where the name is taken; a rename would take its place.
        await (force ? rename(draft, target) : link(draft, target));
      } catch (error) {
        throw codeOf(error) === 'EEXIST' ? taken(target) : unwritable(target, error);
      } finally {
        await discard();
      }
    },
  };
}

async function writeWhole(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  await handle.chmod(0o600);
  await handle.writeFile(bytes);
  await handle.sync();
}

function refuseTaken(path: string, found: Stats | undefined, force: boolean): void {
  if (found === undefined) return;
  if (found.isSymbolicLink()) {
    throw withheld(`${path} is a link, and links are not followed`, 'Name the file itself.');
  }
  if (!found.isFile()) throw withheld(`${path} is there and is no file`, 'Name a file that is not there yet.');
  if (!force) throw taken(path);
}

const taken = (path: string): Error =>
  withheld(`the file ${path} is there already`, 'Name another one, or give --force to replace it.');

const unwritable = (path: string, error: unknown): Error =>
  withheld(`the file ${path} cannot be written (${codeOf(error)})`, 'Name a file in a folder that you may write to.');

const withheld = (finding: string, cure: string): Error => keyturnError('VALUE_WITHHELD', { finding, cure });

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') {
    const code = codeOf(error);
    throw withheld(`the file cannot be looked at (${code})`, 'Name a file in a folder that is there.');
  }
  return undefined;
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
