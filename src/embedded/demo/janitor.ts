import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programEnvironment } from '../run-program.js';
import { programOf } from './program.js';

/** Sees to it that nothing of the demo outlives it, however it ends. */
export interface Janitor {
  /** The demo's own folder, mode 0700. Goes with the demo. */
  readonly folder: string;
  /** Tells of a process that must not outlive the demo. */
  readonly watch: (pid: number) => void;
  /** Ends what was told of and still runs, and removes the folder. *Repeat*: waits for the same end. */
  readonly cleanUp: () => Promise<void>;
}

/** Starts the janitor, in a session of its own so that a Ctrl-C does not reach it, and makes the folder. */
export async function startJanitor(): Promise<Janitor> {
  const child = spawn(process.execPath, [...programOf('./janitor-process', import.meta.url)], {
    cwd: '/',
    env: { ...programEnvironment },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const ended = once(child, 'close').catch(() => undefined);
  // One that could not be started, or was killed, has no ear: then an orderly end still cleans up behind it.
  child.stdin.on('error', () => {});
  const tell = (what: object, told?: () => void): void => void child.stdin.write(`${JSON.stringify(what)}\n`, told);
  // Told of before it is there: a demo that is killed in between would leave a folder that nobody knows of.
  const folder = join(await realpath(tmpdir()), `keyturn-demo-${randomBytes(6).toString('hex')}`);
  await new Promise<void>((resolve) => {
    tell({ folder }, resolve);
  });
  await mkdir(folder, { mode: 0o700 });
  return {
    folder,
    watch: (pid) => tell({ process: pid }),
    cleanUp: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
