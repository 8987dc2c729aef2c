import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { keyturnError } from '../core/errors.js';
import { identifyProcess, isServerOf } from './process-identity.js';
import type { ServerUser } from './run-program.js';
import { runProgram } from './run-program.js';

/** Where a server keeps its rows. */
export interface DataFolder {
  /** The cluster itself; it exists once initdb has run. */
  readonly cluster: string;
  /** True while there is no cluster in it yet. */
  readonly isNew: boolean;
  /** Where a cluster is made; it becomes `cluster` by a rename, so that a half-made one is never taken for one. */
  readonly unfinished: string;
  readonly serverLogPath: string;
  /** The superuser's password: the one of an earlier run, else a new one. */
  readonly password: string;
  /** Lets the folder go; an ephemeral one goes with its scratch folder. *Repeat*: harmless. */
  readonly release: () => Promise<void>;
}

/**
 * Makes a folder only the server's user can read, below the first of `parents` that this user can reach. It holds what
 * must be gone when the server is: an ephemeral cluster, copied binaries, the password file of initdb.
 *
 * *Errors*: `EMBEDDED_POSTGRES_UNAVAILABLE` where no parent can be reached.
 */
export async function makeScratch(parents: readonly string[], user: ServerUser | undefined): Promise<string> {
  for (const parent of parents) {
    let folder: string;
    try {
      folder = await realpath(await mkdtemp(join(parent, 'keyturn-postgres-')));
    } catch {
      continue;
    }
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    if (await canEnter(folder, user)) return folder;
    await rm(folder, { recursive: true, force: true });
  }
  const finding = `the server's user can enter none of the temporary folders ${parents.join(', ')}`;
  throw keyturnError('EMBEDDED_POSTGRES_UNAVAILABLE', { finding });
}

/** A folder for one run: everything is in the scratch folder and goes with it. */
export function openEphemeralFolder(scratch: string): DataFolder {
  return {
    cluster: join(scratch, 'cluster'),
    isNew: true,
    unfinished: join(scratch, 'cluster-unfinished'),
    serverLogPath: join(scratch, 'server.log'),
    password: makePassword(),
    release: async () => {},
  };
}

/**
 * Takes a folder that outlives the run, and makes it where it is missing.
 *
 * *Shape*: `cluster/`, `server.log`, `lock`, and `superuser-password` (0600) by which the next run can log in.
 *
 * *Errors*: `EMBEDDED_POSTGRES_FOLDER_IN_USE` while a server or another launcher is at work in it;
 * `EMBEDDED_POSTGRES_FOLDER_UNFIT` where it holds other things, belongs to another major version, has lost its
 * password, or cannot be entered by the server's user.
 */
export async function openPersistentFolder(
  asked: string,
  user: ServerUser | undefined,
  major: string,
): Promise<DataFolder> {
  const folder = await makeOwnFolder(asked, user);
  const release = await lock(folder);
  try {
    const cluster = join(folder, 'cluster');
    const unfinished = join(folder, 'cluster-unfinished');
    await rm(unfinished, { recursive: true, force: true });
    await checkCluster(folder, cluster, major);
    const isNew = !(await exists(cluster));
    const password = await keepPassword(folder, isNew);
    return { cluster, isNew, unfinished, serverLogPath: join(folder, 'server.log'), password, release };
  } catch (error) {
    await release();
    throw error;
  }
}

const ownNames = new Set(['cluster', 'cluster-unfinished', 'server.log', 'lock', 'superuser-password']);

async function makeOwnFolder(asked: string, user: ServerUser | undefined): Promise<string> {
  let folder: string;
  let names: readonly string[];
  try {
    // The folder is ours alone; missing parents are made as everybody's are.
    await mkdir(dirname(asked), { recursive: true });
    await mkdir(asked, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    folder = await realpath(asked);
    names = await readdir(folder);
  } catch (error) {
    throw unfit(asked, `it cannot be made or read (${codeOf(error)})`, 'Name a folder you may write.');
  }
  if (names.length > 0 && !names.some((name) => ownNames.has(name))) {
    throw unfit(folder, 'it holds something else', 'Name an empty folder, or one that does not exist yet.');
  }
  if (await canEnter(folder, user)) return folder;
  // Ours alone (0700, root's), as `mkdir` and `mktemp -d` make them: the server's group may pass through, not list it.
  if (user !== undefined) {
    await chown(folder, -1, user.gid);
    await chmod(folder, ((await stat(folder)).mode & 0o777) | 0o010);
  }
  if (await canEnter(folder, user)) return folder;
  throw unfit(
    folder,
    "the server's user cannot reach it",
    'Name a folder whose parents everybody may enter, such as one below /var/lib.',
  );
}

/** Takes `lock`, which names the process that holds the folder, and takes over one whose holder has died. */
async function lock(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  const mine = JSON.stringify({ pid: process.pid, identity: await identifyProcess(process.pid) });
  for (let attempt = 0; ; attempt += 1) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(mine);
      await file.close();
      return async () => {
        if ((await readText(path)) === mine) await rm(path, { force: true });
      };
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        throw unfit(folder, `it cannot be written (${codeOf(error)})`, 'Name a folder you may write.');
      }
    }
    if (attempt > 2 || (await isHeld(path))) throw keyturnError('EMBEDDED_POSTGRES_FOLDER_IN_USE', { folder });
    // Of two that take over a dead lock at the same moment one may remove the other's. PostgreSQL's own postmaster.pid
    // then still refuses the second server.
    await rm(path, { force: true });
  }
}

async function isHeld(path: string): Promise<boolean> {
  const text = await readText(path);
  const [, pid, identity] = /^\{"pid":(\d+),"identity":"([^"]*)"\}$/.exec(text ?? '') ?? [];
  if (pid === undefined) return false;
  return (await identifyProcess(Number(pid))) === identity;
}

async function checkCluster(folder: string, cluster: string, major: string): Promise<void> {
  const version = await readText(join(cluster, 'PG_VERSION'));
  if (version === undefined) {
    if (!(await exists(cluster))) return;
    throw unfit(folder, 'its cluster is damaged (no PG_VERSION)', 'Restore it from a backup, or name another folder.');
  }
  if (version.trim() !== major) {
    throw unfit(
      folder,
      `it was made by PostgreSQL ${version.trim()}, this is ${major}`,
      'Name another folder, or use that version.',
    );
  }
  const pidFile = join(cluster, 'postmaster.pid');
  const pid = Number.parseInt((await readText(pidFile)) ?? '', 10);
  if (!Number.isInteger(pid)) return;
  if (await isServerOf(pid, cluster)) throw keyturnError('EMBEDDED_POSTGRES_FOLDER_IN_USE', { folder });
  // PostgreSQL refuses to start when any process has this number, and in a container some other one soon has it.
  await rm(pidFile, { force: true });
}

async function keepPassword(folder: string, isNew: boolean): Promise<string> {
  const path = join(folder, 'superuser-password');
  const known = (await readText(path))?.trim();
  if (known !== undefined && known !== '') return known;
  if (!isNew) {
    const cure = 'Restore the file superuser-password from a backup, or name another folder.';
    throw unfit(folder, "the superuser's password is missing or cannot be read", cure);
  }
  const password = makePassword();
  const file = await open(`${path}.new`, 'w', 0o600);
  await file.writeFile(`${password}\n`);
  await file.sync();
  await file.close();
  await rename(`${path}.new`, path);
  return password;
}

/** Tried rather than computed from modes, which access lists and security modules overrule. */
async function canEnter(folder: string, user: ServerUser | undefined): Promise<boolean> {
  const { status } = await runProgram('sh', ['-c', 'cd "$1"', 'sh', folder], { user });
  return status === 0;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

function makePassword(): string {
  return randomBytes(24).toString('base64url');
}

function unfit(folder: string, finding: string, cure: string): Error {
  return keyturnError('EMBEDDED_POSTGRES_FOLDER_UNFIT', { folder, finding, cure });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
