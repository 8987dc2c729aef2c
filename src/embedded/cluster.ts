import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyturnError } from '../core/errors.js';
import type { DataFolder } from './data-folder.js';
import type { ServerUser } from './run-program.js';
import { runProgram } from './run-program.js';
import { lastComplaint } from './server-process.js';

/** What a cluster is made of. */
export interface ClusterOptions {
  readonly folder: DataFolder;
  readonly initdb: string;
  readonly scratch: string;
  readonly user: ServerUser | undefined;
  /** False leaves out the flushing to disk. */
  readonly fsync: boolean;
}

/**
 * Makes the cluster: superuser `postgres`, SCRAM for every login, UTF-8, locale C.
 *
 * The password reaches initdb by a file only its user can read, never by an argument, and the file is removed at once.
 * An abort leaves no cluster behind.
 *
 * *Errors*: `EMBEDDED_POSTGRES_FAILED`.
 */
export async function makeCluster(options: ClusterOptions, signal: AbortSignal): Promise<void> {
  const { folder, scratch, user } = options;
  const passwordFile = join(scratch, 'initdb-password');
  try {
    await writeFile(passwordFile, `${folder.password}\n`, { mode: 0o600, flag: 'wx' });
    await mkdir(folder.unfinished, { mode: 0o700 });
    if (user !== undefined) {
      await chown(passwordFile, user.uid, user.gid);
      await chown(folder.unfinished, user.uid, user.gid);
    }
    const login = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
    const content = ['-E', 'UTF8', '--locale=C', ...(options.fsync ? [] : ['--no-sync'])];
    const made = await runProgram(options.initdb, ['-D', folder.unfinished, ...login, ...content], { user, signal });
    if (made.status !== 0) {
      const finding = made.notStarted ?? lastComplaint(made.output);
      throw keyturnError('EMBEDDED_POSTGRES_FAILED', {
        finding,
        log: 'none was written',
        cure: 'Look at the free space and the rights of the folder, then start it again.',
      });
    }
    await rename(folder.unfinished, folder.cluster);
  } finally {
    await rm(passwordFile, { force: true });
  }
}
