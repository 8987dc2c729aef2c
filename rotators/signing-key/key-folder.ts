import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Classification, type RotatorContext, keyturnError } from 'keyturn/rotator';
import { z } from 'zod';
import type { SigningKeyConfig } from './config.js';

/** `<id>.json`: what whoever verifies needs, and the tag by which we know our own. */
const entrySchema = z.object({
  secret: z.string(),
  rotation: z.string().nullable(),
  /** Only keys that are `on` may verify anything. */
  state: z.enum(['on', 'off']),
  key: z.string(),
});

/** A key as it lies in the folder, in the clear: whoever verifies a MAC needs the key that made it. */
export type Entry = z.infer<typeof entrySchema>;

/**
 * A folder of keys, one file for each. Not one file for all of them: what a paused worker writes late is then about its
 * own key, and neither brings back nor drops that of another.
 */
export interface KeyFolder {
  /** *Returns* null where there is none. *Errors*: a folder that is not there is no answer; it may be a missing mount. */
  readonly read: (id: string) => Promise<Entry | null>;
  /** A reader sees the old entry or the new one, never half of one, and after a loss of power as well. */
  readonly write: (id: string, entry: Entry, signal: AbortSignal) => Promise<void>;
  /** Removes the entry with whatever a crash left of it. *Repeat*: harmless. */
  readonly remove: (id: string) => Promise<void>;
  /** The ids of all entries, whoever made them. */
  readonly ids: () => Promise<readonly string[]>;
  /** What is wrong with the folder; null where nothing. */
  readonly fault: () => Promise<{ readonly sentence: string; readonly cure: string } | null>;
  /** *Errors* `PREFLIGHT_FAILED` where there is none yet, later `TARGET_UNREACHABLE`. */
  readonly identify: (ctx: RotatorContext) => Promise<{ readonly system: string }>;
}

/** Nothing is opened until the first call. */
export function keyFolder({ folder, readableBy }: SigningKeyConfig): KeyFolder {
  // An id comes back to us from the store: it must not lead out of the folder.
  const fileOf = (id: string): string => {
    if (/^[\w-]+$/.test(id)) return join(folder, `${id}.json`);
    throw keyturnError('NOT_OURS', { identity: id });
  };

  const leftOver = async (id: string): Promise<readonly string[]> => {
    const files = await readdir(folder);
    return files.filter((file) => file.startsWith(`${id}.json.`) && file.endsWith('.tmp'));
  };

  const fault: KeyFolder['fault'] = async () => {
    const found = await stat(folder).catch(() => null);
    if (found?.isDirectory() !== true) {
      return { sentence: `there is no folder ${folder}`, cure: `mkdir -m 2750 -p ${quoted(folder)}` };
    }
    const mayWrite = await access(folder, constants.R_OK | constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    if (mayWrite) return null;
    return {
      sentence: `the folder ${folder} cannot be written`,
      cure: `chown ${userInfo().username} ${quoted(folder)}`,
    };
  };

  return {
    read: async (id) => {
      const file = fileOf(id);
      await stat(folder);
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
        throw error;
      });
      return text === null ? null : parsed(id, text);
    },

    write: async (id, entry, signal) => {
      const file = fileOf(id);
      const half = `${file}.${randomBytes(6).toString('hex')}.tmp`;
      signal.throwIfAborted();
      try {
        const handle = await open(half, 'wx', 0o600);
        try {
          await handle.writeFile(JSON.stringify(entry));
          if (readableBy === 'group') await handle.chmod(0o640);
          await handle.sync();
        } finally {
          await handle.close();
        }
        signal.throwIfAborted();
        await rename(half, file);
      } catch (error) {
        await rm(half, { force: true });
        throw error;
      }
      await syncFolder(folder);
    },

    remove: async (id) => {
      const file = fileOf(id);
      for (const half of await leftOver(id)) await rm(join(folder, half), { force: true });
      await rm(file, { force: true });
      await syncFolder(folder);
    },

    ids: async () =>
      (await readdir(folder)).filter((file) => /^[\w-]+\.json$/.test(file)).map((file) => file.slice(0, -5)),

    fault,

    identify: async ({ step, secret }) => {
      const found = await stat(folder).catch(() => null);
      // The inode stays when the folder is renamed, and changes when another one is put in its place.
      if (found !== null) return { system: `${found.dev}:${found.ino}` };
      if (step !== 'preflight') throw keyturnError('TARGET_UNREACHABLE', { endpoint: folder });
      const { sentence: finding, cure } = (await fault()) ?? { sentence: `there is no folder ${folder}`, cure: '' };
      throw keyturnError('PREFLIGHT_FAILED', { secret, finding, cure });
    },
  };
}

/** Throws an error of its own, because that of a parser quotes what it read. */
function parsed(id: string, text: string): Entry {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    read = undefined;
  }
  const entry = entrySchema.safeParse(read);
  if (!entry.success) throw keyturnError('STEP_FAILED', { step: 'read', name: `${id}.json is no entry of a key` });
  return entry.data;
}

/** See `Rotator.classify`. What fails before the rename has changed nothing, and a rename is done or not. Pure. */
export function classify(error: unknown): Classification {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // The last is Node's own, of a process that was not allowed the folder.
  const isForbidden = code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ERR_ACCESS_DENIED';
  if (isForbidden) return 'rejected-by-authority';
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EMFILE' ? 'transient' : 'unknown';
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** As one word of a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
