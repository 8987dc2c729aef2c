import type { ServerUser } from './run-program.js';
import { runProgram } from './run-program.js';

/**
 * Finds the user the server runs as.
 *
 * PostgreSQL refuses to run as root, and initdb refuses a user id without an entry in the user database ("could not
 * look up effective user ID"). So root takes, in this order: the user `postgres` of the system's own packages, a user
 * of our own from an earlier run, the same made now, and `nobody` where no user can be made.
 *
 * *Returns* `'ourselves'` where we are not root, `'none'` for a root who has none of these users.
 */
export async function findServerUser(): Promise<ServerUser | 'ourselves' | 'none'> {
  if (process.getuid?.() !== 0) return 'ourselves';
  return (
    (await lookUp('postgres')) ?? (await lookUp(ownUser)) ?? (await makeOwnUser()) ?? (await lookUp('nobody')) ?? 'none'
  );
}

const ownUser = 'keyturn-postgres';

async function makeOwnUser(): Promise<ServerUser | undefined> {
  const options = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent'];
  const made = await runProgram('useradd', [...options, '--shell', '/usr/sbin/nologin', ownUser]);
  // A second launcher may have made it a moment before us, so the answer is in the user database, not in the status.
  return made.notStarted === undefined ? lookUp(ownUser) : undefined;
}

async function lookUp(name: string): Promise<ServerUser | undefined> {
  const [uid, gid] = await Promise.all([readId('-u', name), readId('-g', name)]);
  return uid === undefined || gid === undefined || uid === 0 ? undefined : { uid, gid };
}

async function readId(which: '-u' | '-g', name: string): Promise<number | undefined> {
  const { status, output } = await runProgram('id', [which, name]);
  const id = Number.parseInt(output, 10);
  return status === 0 && Number.isInteger(id) ? id : undefined;
}
