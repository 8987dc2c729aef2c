import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { eventually } from './eventually.js';
import { canSeeProcesses, commandLines } from './processes.js';
import { startRedis } from './redis.js';
import { describeWithRedis } from './shared-redis.js';
import { temporaryFolder } from './temporary-folder.js';

test('a URL in the environment comes first', async () => {
  vi.stubEnv('KEYTURN_TEST_REDIS_URL', 'redis://127.0.0.1:1');
  onTestFinished(() => void vi.unstubAllEnvs());

  expect(await startRedis()).toMatchObject({ kind: 'running', url: 'redis://127.0.0.1:1', source: 'URL' });
});

describeWithRedis('the Redis of the run', (url) => {
  test('keeps what it is told', async () => {
    const client = new Redis(url);
    onTestFinished(() => client.disconnect());

    await client.set('keyturn-test:redis', 'kept', 'EX', 60);

    expect(await client.getdel('keyturn-test:redis')).toBe('kept');
  });

  // A given server is nobody's to stop.
  test.skipIf(!canSeeProcesses || process.env['KEYTURN_TEST_REDIS_URL'] !== undefined)(
    'would be gone after a kill -9 of the run',
    async () => {
      const parent = await temporaryFolder();
      const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
      const entry = fileURLToPath(new URL('./redis-process.ts', import.meta.url));
      const child = spawn(process.execPath, ['--import', loader, entry], {
        env: { ...process.env, TMPDIR: parent },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      expect(JSON.parse(line.toString())).toMatchObject({ kind: 'running' });

      child.kill('SIGKILL');

      await eventually('no server and no folder is left', () => {
        const isServed = [...commandLines().values()].some((words) => words.some((word) => word.includes(parent)));
        return !isServed && readdirSync(parent).every((name) => !name.startsWith('keyturn-redis-'));
      });
    },
  );
});
