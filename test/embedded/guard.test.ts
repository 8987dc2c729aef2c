import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.js';
import { eventually } from '../support/eventually.js';
import type { LaunchArgument } from '../support/launch-process.js';
import type { Launcher, LauncherOptions } from '../support/launcher.js';
import { launch } from '../support/launcher.js';
import { canSeeProcesses, childrenOf, commandLines, serversIn } from '../support/processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function launchForTest(argument: Partial<LaunchArgument> = {}, options?: LauncherOptions): Launcher {
  const launcher = launch({ fsync: false, ...argument }, options);
  onTestFinished(launcher.close);
  return launcher;
}

async function awaitNothingLeft(dataDir: string): Promise<void> {
  await eventually('no server and no folder is left', () => {
    return serversIn(dataDir).length === 0 && !existsSync(dirname(dataDir));
  });
}

describe.skipIf(!canSeeProcesses)('the guard', () => {
  test('stops the server and removes its folder after a kill -9 of the launcher', async () => {
    const launcher = launchForTest();
    const { dataDir } = await launcher.answer();
    expect(serversIn(dataDir)).not.toEqual([]);

    process.kill(launcher.pid, 'SIGKILL');

    await awaitNothingLeft(dataDir);
  });

  test('does the same after a SIGTERM of the launcher', async () => {
    const launcher = launchForTest();
    const { dataDir } = await launcher.answer();

    process.kill(launcher.pid, 'SIGTERM');

    await awaitNothingLeft(dataDir);
  });

  test('does the same when the launcher ends without a stop, and does not keep it from ending', async () => {
    const launcher = launchForTest({ andLeave: true });
    const { dataDir } = await launcher.answer();

    await launcher.ended;

    await awaitNothingLeft(dataDir);
  });

  test('does the same when the launcher is killed while initdb is at work', async () => {
    const parent = await temporaryFolder();
    const launcher = launchForTest({}, { temporaryFolder: parent });
    await eventually('initdb is at work', () => {
      return [...commandLines().values()].some((line) => line.some((word) => word.startsWith(`--pwfile=${parent}`)));
    });

    process.kill(launcher.pid, 'SIGKILL');

    await eventually('no folder is left', () => readdirSync(parent).every((name) => !name.startsWith('keyturn-')));
    expect([...commandLines().values()].filter((line) => line.some((word) => word.includes(parent)))).toEqual([]);
  });

  test('ends with the launcher that it guards', async () => {
    const launcher = launchForTest();
    await launcher.answer();
    const [guard] = childrenOf(launcher.pid);
    expect(
      commandLines()
        .get(guard ?? 0)
        ?.join(' '),
    ).toContain('guard-process');

    process.kill(launcher.pid, 'SIGKILL');

    await eventually(
      'the guard has ended',
      () =>
        !commandLines()
          .get(guard ?? 0)
          ?.join(' ')
          .includes('guard-process'),
    );
  });

  test('leaves the server alone while the launcher finishes after a Ctrl-C', async () => {
    const launcher = launchForTest();
    const { dataDir } = await launcher.answer();

    // To the whole process group, as a terminal does.
    process.kill(-launcher.pid, 'SIGINT');
    await launcher.ended;

    expect(launcher.output()).toContain('finished on SIGINT');
    await awaitNothingLeft(dataDir);
  });

  test('is replaced by the launcher when it is killed itself', async () => {
    const known = new Set(childrenOf(process.pid));
    const server = await startEmbeddedPostgres({ fsync: false });
    onTestFinished(server.stop);
    const guard = childrenOf(process.pid).find((pid) => !known.has(pid));

    process.kill(guard ?? 0, 'SIGKILL');

    expect(await server.ended).toBe('died');
    expect(serversIn(server.dataDir)).toEqual([]);
    expect(existsSync(dirname(server.dataDir))).toBe(false);
  });

  test('lets a persistent folder go after a kill -9 of the launcher', async () => {
    const dataDir = await temporaryFolder();
    const launcher = launchForTest({ dataDir });
    const first = await launcher.answer();
    process.kill(launcher.pid, 'SIGKILL');
    await eventually('the folder is free', () => !existsSync(`${dataDir}/lock`), { maxMs: 30_000 });

    const server = await startEmbeddedPostgres({ dataDir, fsync: false });
    onTestFinished(server.stop);

    expect(server.url('postgres').replace(String(server.port), '')).toBe(first.url.replace(String(first.port), ''));
  });
});
