import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { startStateServer } from './state-server.js';
import { answersAtLast, endsAsPromised, everyState, stoppedAt } from './surroundings.js';

/** Holds a cluster and two databases of ours, and is soon full. Megabytes. */
const diskMb = 320;

function mount(folder: string, sizeMb: number): string | undefined {
  const options = `size=${sizeMb}m,mode=0755`;
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  return error === undefined ? stderr.trim().replaceAll(folder, 'a folder') : 'there is no program mount';
}

/** Why no small file system can be mounted here; undefined: it can. */
const lacking = ((): string | undefined => {
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-mount-'));
  try {
    const why = mount(folder, 1);
    if (why === undefined) spawnSync('umount', [folder]);
    return why;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

/** A disk of its own for this test. */
async function smallDisk(): Promise<string> {
  const folder = join(await temporaryFolder(), 'disk');
  mkdirSync(folder);
  const why = mount(folder, diskMb);
  if (why !== undefined) throw new Error(why);
  onTestFinished(() => void spawnSync('umount', ['--lazy', folder]));
  return folder;
}

/** Writes until nothing more fits. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  const piece = Buffer.alloc(64 * 1024);
  try {
    for (;;) await file.write(piece);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    await file.close();
  }
}

/** Makes the server need another file of its write-ahead log, until it cannot have one. */
async function needMoreLog(url: string): Promise<void> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    for (let count = 0; count < 100; count += 1) {
      await client.query('SELECT txid_current()');
      await client.query('SELECT pg_switch_wal()');
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

const why = lacking === undefined ? '' : ` (skipped: ${lacking})`;

describe.skipIf(lacking !== undefined)(`a state database whose disk is full${why}`, () => {
  it('loses nothing: every rotation ends once there is room', { timeout: 600_000 }, async (context) => {
    const disk = await smallDisk();
    const stateServer = await startStateServer(disk);
    const stopped = await stoppedAt(everyState, { queue: 'redis', stateServer });
    const ballast = join(disk, 'ballast');
    await fill(ballast);
    await expect(needMoreLog(stateServer.url('postgres'))).rejects.toThrow();
    stopped.goOn();
    await answersAtLast(stopped);
    await rm(ballast);
    await stateServer.crash();
    await stateServer.restart();
    await endsAsPromised(context, 'disk of the state database full in every state', stopped);
  });
});
