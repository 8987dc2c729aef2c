import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, chmod, constants, open, readdir, rename } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { removeFile } from './replaced-file.js';
import { AgentSettingError, codeOf } from './setting-error.js';

/** A path that is this agent's alone. */
export interface PathClaim {
  /** Lets another agent have it. *Repeat*: harmless. */
  release(): Promise<void>;
}

/** What Linux and macOS both take for the path of a socket, without the NUL. Bytes. */
export const maxSocketPathBytes = 103;

/** What is not listened on yet: nobody may take it for one whose agent is gone. */
const draftSuffix = '.new';

/**
 * Claims a path until it is released, or the process is gone, however it went: two agents at one file would remove each
 * other's drafts and pending versions, and turn rotations back by that.
 *
 * Beside the path every agent listens on a socket of a name of its own, and only then looks for those of others: of two
 * that start at once at least one sees the other. Whether one is alive is known by the system alone, also where a process
 * id means nothing: in another container, or after a restart. One that nobody listens on is removed, and its name is never
 * used again, so none that is alive is removed by mistake.
 *
 * *Errors* `AgentSettingError` about `setting` where another agent has it, or the folder takes no socket.
 */
export async function claimPath(path: string, setting: string): Promise<PathClaim> {
  try {
    return await claim(path, setting);
  } catch (error) {
    if (error instanceof AgentSettingError) throw error;
    const cure = 'Name one in a folder that is there, that this user may write to, and that takes sockets.';
    throw new AgentSettingError(setting, `${path} cannot be claimed (${codeOf(error)})`, cure);
  }
}

async function claim(path: string, setting: string): Promise<PathClaim> {
  const folder = dirname(path);
  const prefix = `.keyturn-${createHash('sha256').update(basename(path)).digest('hex').slice(0, 12)}-`;
  const own = `${prefix}${randomBytes(6).toString('hex')}`;
  // Of a folder that is not there `listen` says that it may not be written to.
  await access(folder, constants.W_OK);
  const short = await shortOf(folder, own.length + draftSuffix.length);
  const server = createServer((socket) => void socket.destroy()).unref();
  const release = async (): Promise<void> => {
    await removeFile(join(folder, own));
    await new Promise<void>((resolve) => void server.close(() => resolve()));
    await short.close();
  };
  try {
    server.listen(join(short.folder, `${own}${draftSuffix}`));
    await once(server, 'listening');
    await raise(join(folder, own)).catch((error: unknown) => {
      throw codeOf(error) === 'ENOENT' ? atOnce(path, setting) : error;
    });
    for (const name of await readdir(folder)) {
      if (!name.startsWith(prefix) || name === own) continue;
      if (!(await isAnswered(join(short.folder, name)))) await removeFile(join(folder, name));
      // One that is about to claim the path looks for ours after that.
      else if (!name.endsWith(draftSuffix)) throw taken(path, setting, join(folder, name));
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** From here on others see it. */
async function raise(path: string): Promise<void> {
  await chmod(`${path}${draftSuffix}`, 0o600);
  await rename(`${path}${draftSuffix}`, path);
}

/** Whether somebody listens. Refused means that nobody does; whatever else goes wrong does not mean that. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT'].includes(codeOf(error))));
  });
}

/** The folder, by a path to which so many bytes may be added and it is still one of a socket. Only Linux has another. */
async function shortOf(folder: string, bytes: number): Promise<{ readonly folder: string; close(): Promise<void> }> {
  if (Buffer.byteLength(folder) + 1 + bytes <= maxSocketPathBytes) return { folder, close: () => Promise.resolve() };
  const handle = await open(folder, constants.O_RDONLY);
  return { folder: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
}

/** Another one has looked between the two calls by which a socket is made and listened on, and removed it. */
function atOnce(path: string, setting: string): Error {
  return new AgentSettingError(setting, `another agent is claiming ${path} too`, 'Start one of them alone.');
}

function taken(path: string, setting: string, socket: string): Error {
  const cure = `Stop that one, or name another path. It listens on ${socket}.`;
  return new AgentSettingError(setting, `another agent keeps ${path}`, cure);
}
