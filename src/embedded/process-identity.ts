import { readFile, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { runProgram } from './run-program.js';

/** True while a process of this id exists, whoever's it is. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Names a process so that a later one with the same id is not taken for it: ids are used again, in containers within
 * seconds. On Linux that is the boot and the clock tick it started at; elsewhere the time of its start.
 *
 * *Returns* `undefined` where there is no such process.
 */
export async function identifyProcess(pid: number): Promise<string | undefined> {
  if (!isRunning(pid)) return undefined;
  if (process.platform === 'linux') {
    try {
      const [stat, boot] = await Promise.all([
        readFile(`/proc/${pid}/stat`, 'utf8'),
        readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      ]);
      // The program's name is in brackets and may hold anything, so the count starts behind the last of them.
      const startTick = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
      return `${boot.trim()} ${startTick ?? '?'}`;
    } catch {
      return undefined;
    }
  }
  const { status, output } = await runProgram('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return status === 0 ? output.trim() : undefined;
}

/** True where this process is a PostgreSQL server at work in this cluster: it makes the cluster its working folder. */
export async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  if (!isRunning(pid)) return false;
  if (process.platform === 'linux') {
    try {
      return (await readlink(`/proc/${pid}/cwd`)) === cluster;
    } catch {
      // Another user's process, so not the server of a cluster that is ours.
      return false;
    }
  }
  const { status, output } = await runProgram('ps', ['-o', 'comm=', '-p', String(pid)]);
  return status === 0 && output.includes('postgres');
}

/** Waits until the process is gone. *Returns* false where it is still there after `maxMs`. */
export async function awaitEnd(pid: number, maxMs: number): Promise<boolean> {
  const deadline = performance.now() + maxMs;
  while (isRunning(pid)) {
    if (performance.now() > deadline) return false;
    await delay(10);
  }
  return true;
}

/** Sends a signal. A process that has ended in the meantime is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
