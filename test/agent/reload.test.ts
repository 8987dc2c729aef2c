import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tellApplication } from '../../src/agent/reload.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const asked = { file: '/the/file', signal: new AbortController().signal };

describe('by a signal', () => {
  async function application(folder: string): Promise<ChildProcess> {
    const script = `trap ': > ${folder}/told' HUP; : > ${folder}/ready; while :; do sleep 0.05; done`;
    const child = spawn('sh', ['-c', script], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    await eventually('it is ready', () => existsSync(join(folder, 'ready')));
    return child;
  }

  test('the process that the file names is told', async () => {
    const folder = await temporaryFolder();
    const pidFile = join(folder, 'pid');
    const { pid } = await application(folder);
    await writeFile(pidFile, ` ${pid}\n`);

    expect(await tellApplication({ kind: 'signal', signal: 'SIGHUP', pidFile }, asked)).toBeUndefined();

    await eventually('it was told', () => existsSync(join(folder, 'told')));
  });

  test('nobody is told where the file is missing, holds no process, or one that has ended', async () => {
    const folder = await temporaryFolder();
    const pidFile = join(folder, 'pid');
    const send = () => tellApplication({ kind: 'signal', signal: 'SIGHUP', pidFile }, asked);
    const child = await application(folder);
    child.kill('SIGKILL');
    await once(child, 'close');

    expect(await send()).toBe(`the file ${pidFile} cannot be read (ENOENT)`);
    // Of a group, of every process, of none.
    for (const text of ['', '-1', '0', '0x10', '12 13', 'billing', `${process.pid}${process.pid}${process.pid}`]) {
      await writeFile(pidFile, text);
      expect(await send()).toBe(`the file ${pidFile} holds no process id`);
    }
    await writeFile(pidFile, `${process.pid}`);
    expect(await send()).toBe(`the file ${pidFile} names the agent itself`);
    await writeFile(pidFile, `${child.pid}`);
    expect(await send()).toBe(`there is no process ${child.pid}`);
  });
});

describe('by HTTP', () => {
  async function server(answer: (path: string) => number | undefined): Promise<{ url: string; asked: string[] }> {
    const seen: string[] = [];
    const listening = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const status = answer(request.url ?? '');
      if (status !== undefined) response.writeHead(status, { location: '/elsewhere' }).end('…');
    }).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    onTestFinished(() => {
      listening.closeAllConnections();
      listening.close();
    });
    return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, asked: seen };
  }

  test('2xx says that it was told; any other status does not, and a redirect is not followed', async () => {
    const { url, asked: seen } = await server((path) => Number(path.slice(1)));
    const post = (status: number) =>
      tellApplication({ kind: 'http', url: `${url}/${status}`, timeoutMs: 30_000 }, asked);

    expect(await post(200)).toBeUndefined();
    expect(await post(204)).toBeUndefined();
    for (const status of [302, 307, 404, 500]) expect(await post(status)).toBe(`it answered ${status}`);
    expect(seen).toEqual([200, 204, 302, 307, 404, 500].map((status) => `POST /${status}`));
  });

  test('what does not answer was not told', async () => {
    const { url } = await server(() => undefined);

    expect(await tellApplication({ kind: 'http', url, timeoutMs: 100 }, asked)).toBe('it took longer than 100 ms');
    const nobody = await tellApplication({ kind: 'http', url: 'http://127.0.0.1:1/', timeoutMs: 30_000 }, asked);
    expect(nobody).toMatch(/^it did not answer/);
  });
});
