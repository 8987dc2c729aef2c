import { readFile, readdir } from 'node:fs/promises';
import type pg from 'pg';

/** Linux counts processor time in hundredths of a second, whatever the kernel was built with. */
const TICK_MS = 10;

/** Processor time of one process so far. Milliseconds. */
export async function processorMs(pid: number): Promise<number> {
  const { ownMs } = await statOf(pid);
  return ownMs;
}

/** Processor time of a whole PostgreSQL so far, of sessions that have ended as well. Milliseconds. */
export async function serverProcessorMs(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const { parent } = await statOf(rows[0]?.pid ?? 0);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.map((pid) => statOf(pid).catch(() => undefined)));
  const living = all.filter((each) => each?.parent === parent).reduce((sum, each) => sum + (each?.ownMs ?? 0), 0);
  const { ownMs, endedMs } = await statOf(parent);
  return living + ownMs + endedMs;
}

/** What proc(5) says of a process: its parent, its own time, and that of its children that have ended. */
async function statOf(pid: number): Promise<{ parent: number; ownMs: number; endedMs: number }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold anything; the third field is the first after it.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const at = (field: number): number => fields[field - 3] ?? 0;
  return { parent: at(4), ownMs: (at(14) + at(15)) * TICK_MS, endedMs: (at(16) + at(17)) * TICK_MS };
}
