import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** True where other processes can be looked at; their tests say so in their name and are skipped elsewhere. */
export const canSeeProcesses = existsSync('/proc/self/cmdline');

/** The process ids of the servers at work in this cluster: each makes it its working folder. */
export function serversIn(cluster: string): readonly number[] {
  return processIds().filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(cluster);
    } catch {
      return false;
    }
  });
}

/** The arguments of every process there is, by process id. */
export function commandLines(): ReadonlyMap<number, readonly string[]> {
  const lines = new Map<number, readonly string[]>();
  for (const pid of processIds()) {
    try {
      lines.set(pid, readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
    } catch {
      // It has ended since.
    }
  }
  return lines;
}

/** The children of a process. */
export function childrenOf(parent: number): readonly number[] {
  return processIds().filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(parent);
    } catch {
      return false;
    }
  });
}

function processIds(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
