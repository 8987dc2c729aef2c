import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Isolation } from '../../../src/ports/isolation.js';
import { built } from '../../support/built.js';
import { eventually } from '../../support/eventually.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { aContext, connected, open, writePlugin } from './plugin.js';

/** Tells which process it is and where. */
const telling = '() => ({ identify: async () => ({ system: JSON.stringify([process.pid, process.cwd()]) }) })';
const hasEnded = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};
const told = ({ system }: { readonly system: string }) => JSON.parse(system) as readonly [number, string];

/** A worker of one rotator, as a script that does this. */
async function workerScript(isolation: Isolation, does: string): Promise<string> {
  const script = join(await temporaryFolder(), 'worker.mjs');
  await writeFile(
    script,
    `import { closeSync, openSync } from 'node:fs';
     import { openIsolatedRotator } from '${built('src/adapters/child/isolated-rotator.js')}';
     const rotator = await openIsolatedRotator(${JSON.stringify(isolation)}, [], { from: '/', variables: {} });
     const log = { debug: () => {}, warn: () => {} };
     const ctx = { rotationId: 'r1', secret: 's', step: 's', attempt: 1, fence: { era: 1, epoch: 1, known: false },
       signal: new AbortController().signal, deadlineMs: 60_000, databaseTimeMs: 0, log };
     const connection = rotator.connect({});
     const identify = () => connection.identify(ctx);
     ${does}`,
  );
  return script;
}

describe('the process of a rotator', () => {
  test('ends, with its folder, when it has not been asked for a while, and another one takes the next call', async () => {
    const { connection } = await connected({ members: telling }, { idleMs: 1 });
    const [pid, folder] = told(await connection.identify(aContext()));

    await eventually('it has ended', () => hasEnded(pid) && !existsSync(folder));

    expect(told(await connection.identify(aContext()))[0]).not.toBe(pid);
  });

  test('is closed by its rotator before it ends', async () => {
    const folder = await temporaryFolder();
    const { connection } = await connected({
      top: "import { writeFileSync } from 'node:fs';",
      members: `() => ({ identify: async () => ({ system: 's' }), close: async () => writeFileSync('${folder}/closed', '') })`,
      allowance: { write: [folder] },
    });
    await connection.identify(aContext());

    await connection.close();
    await connection.close();

    expect(existsSync(join(folder, 'closed'))).toBe(true);
  });

  test('that does not close is ended all the same', async () => {
    const members = telling.replace('({ identify', '({ close: () => { for (;;); }, identify');
    const { connection } = await connected({ members });
    const [pid, folder] = told(await connection.identify(aContext()));

    await connection.close();

    expect(hasEnded(pid)).toBe(true);
    expect(existsSync(folder)).toBe(false);
  });

  test('that cannot be started, for want of descriptors, is a crash without an effect, and the worker goes on', async () => {
    const { isolation } = await writePlugin({ members: telling });
    const script = await workerScript(
      isolation,
      `const held = [];
       try { for (;;) held.push(openSync('/dev/null')); } catch {}
       // Enough to read a file, and not enough for pipes.
       for (const fd of held.splice(0, 4)) closeSync(fd);
       const { code, facts } = await identify().catch((error) => error);
       for (const fd of held) closeSync(fd);
       const { system } = await identify();
       await connection.close();
       console.log(JSON.stringify({ code, facts, system }));`,
    );

    const { stdout } = await promisify(execFile)('/bin/sh', [
      '-c',
      `ulimit -n 512; exec "$0" "$1"`,
      process.execPath,
      script,
    ]);

    expect(JSON.parse(stdout)).toMatchObject({
      code: 'ROTATOR_CRASHED',
      facts: { finding: 'it could not be started (EMFILE)', outcome: 'none' },
      system: expect.any(String) as string,
    });
  });

  test('goes with a worker that is killed, and takes its folder along', async () => {
    const { isolation } = await writePlugin({ members: telling });
    const script = await workerScript(isolation, 'process.send(await identify());');
    const worker: ChildProcess = fork(script);
    onTestFinished(() => void worker.kill('SIGKILL'));
    const [message] = (await once(worker, 'message')) as [{ readonly system: string }];
    const [pid, folder] = told(message);
    expect(hasEnded(pid)).toBe(false);

    worker.kill('SIGKILL');

    await eventually('the process has ended', () => hasEnded(pid));
    expect(existsSync(folder)).toBe(false);
  });
});

const flags = process.allowedNodeEnvironmentFlags;

describe.runIf(flags.has('--permission') || flags.has('--experimental-permission'))('the seat belt', () => {
  const trying = `() => ({ identify: async () => {
    const tried = async (what) => { try { await what(); return 'done'; } catch (error) { return error.code ?? error.name; } };
    const fs = await import('node:fs');
    return { system: JSON.stringify({
      other: await tried(() => fs.readFileSync('/etc/hosts')),
      package: await tried(() => fs.readFileSync(new URL('package.json', import.meta.url))),
      written: await tried(() => fs.writeFileSync(new URL('written', import.meta.url), '')),
      process: await tried(async () => (await import('node:child_process')).spawnSync('true')),
      thread: await tried(async () => new (await import('node:worker_threads')).Worker('', { eval: true })),
    }) };
  } })`;

  test('keeps a rotator to its package and its working folder, and from processes and threads', async () => {
    const { connection } = await connected({ members: trying });

    expect(JSON.parse((await connection.identify(aContext())).system)).toEqual({
      other: 'ERR_ACCESS_DENIED',
      package: 'done',
      written: 'ERR_ACCESS_DENIED',
      process: 'ERR_ACCESS_DENIED',
      thread: 'ERR_ACCESS_DENIED',
    });
  });

  test('lets it read what was allowed', async () => {
    const plugin = await writePlugin({ members: trying, allowance: { read: ['hosts'] } });
    const connection = (await open(plugin, { from: '/etc' })).connect({});
    onTestFinished(() => connection.close());

    expect(JSON.parse((await connection.identify(aContext())).system)).toMatchObject({ other: 'done' });
  });
});
