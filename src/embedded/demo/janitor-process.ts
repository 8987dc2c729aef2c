// Cleans up after the demo, which may die at any moment, by kill -9 too: it lives until its stdin closes, which the
// kernel does when the demo is gone, then ends the processes it was told of and removes the folder. One JSON object per
// line: {"folder":"…"} or {"process":123}.
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { awaitEnd, identifyProcess, signalProcess } from '../process-identity.js';

/** A later process may have the same number: only the one we were told of is ended. */
const processes = new Map<number, string>();
const folders: string[] = [];

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.stdin.on('error', () => {});

for await (const line of createInterface({ input: process.stdin })) {
  // Written by a demo of the same version.
  const told = JSON.parse(line) as { readonly folder?: string; readonly process?: number };
  if (told.folder !== undefined) folders.push(told.folder);
  if (told.process === undefined) continue;
  const identity = await identifyProcess(told.process);
  if (identity !== undefined) processes.set(told.process, identity);
}
for (const [pid, identity] of processes) {
  if ((await identifyProcess(pid)) !== identity) continue;
  signalProcess(pid, 'SIGKILL');
  await awaitEnd(pid, 5_000);
}
for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
