import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { DatabaseHealth, HealthOptions } from '../../src/api/health.js';
import { startHealthServer } from '../../src/api/health.js';
import type { HttpServer } from '../../src/api/http-server.js';
import { eventually } from '../support/eventually.js';

async function serve(more: Partial<HealthOptions> = {}): Promise<HttpServer> {
  const server = await startHealthServer({
    port: 0,
    database: async () => 'ready',
    queue: () => 'ready',
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', read: async () => 'keyturn_queue_up 1\n' },
    ...more,
  });
  onTestFinished(server.close);
  return server;
}

async function get(server: HttpServer, path: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(`${server.url}${path}`);
  return { status: answer.status, body: await answer.json() };
}

test('it listens on loopback alone unless told otherwise', async () => {
  expect((await serve()).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});

test('livez answers while the database and the queue are away', async () => {
  const server = await serve({ database: async () => 'unreachable', queue: () => 'down' });

  expect(await get(server, '/livez')).toEqual({ status: 200, body: { status: 'live' } });
});

test('readyz is ready with the database, whatever the queue', async () => {
  const server = await serve({ queue: () => 'down' });

  expect(await get(server, '/readyz')).toEqual({
    status: 200,
    body: { status: 'ready', database: 'ready', queue: 'down' },
  });
});

test.each<DatabaseHealth>(['unmigrated', 'unreachable'])(
  'readyz is not ready with a database that is %s',
  async (database) => {
    const server = await serve({ database: async () => database });

    expect(await get(server, '/readyz')).toEqual({
      status: 503,
      body: { status: 'not-ready', database, queue: 'ready' },
    });
  },
);

test('a check that throws tells nothing of why', async () => {
  const server = await serve({ database: async () => Promise.reject(new Error('planted-password')) });

  expect(await get(server, '/readyz')).toEqual({
    status: 503,
    body: { status: 'not-ready', database: 'unreachable', queue: 'ready' },
  });
});

test('a check that never answers is not waited for', async () => {
  const server = await serve({ database: async () => new Promise(() => {}), timeoutMs: 20 });

  expect(await get(server, '/readyz')).toMatchObject({ status: 503, body: { database: 'unreachable' } });
});

test('metrics are answered as Prometheus asks for them', async () => {
  const server = await serve();

  const answer = await fetch(`${server.url}/metrics`);

  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await answer.text()).toBe('keyturn_queue_up 1\n');
});

test('a page that fails shows neither message nor stack', async () => {
  const read = async (): Promise<string> => Promise.reject(new Error('planted-password'));
  const server = await serve({ metrics: { contentType: 'text/plain', read } });

  expect(await get(server, '/metrics')).toEqual({ status: 500, body: { error: 'internal' } });
});

test.each(['/nowhere', '/readyz/../secret', '/%ff'])('%s is answered without internals', async (path) => {
  const server = await serve();
  const { status, body } = await get(server, path);

  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(Object.keys(body as object)).toEqual(['error']);
});

test('nothing can be posted', async () => {
  const server = await serve();

  expect((await fetch(`${server.url}/readyz`, { method: 'POST', body: 'x' })).status).toBe(404);
});

test('close lets a request in work be answered', async () => {
  let isAsked = false;
  let answer: (text: string) => void = () => {};
  const text = new Promise<string>((resolve) => (answer = resolve));
  const read = async (): Promise<string> => {
    isAsked = true;
    return text;
  };
  const server = await serve({ metrics: { contentType: 'text/plain', read } });
  const response = fetch(`${server.url}/metrics`);
  await eventually('it is in work', () => isAsked);

  const closed = server.close();
  answer('late\n');

  expect(await (await response).text()).toBe('late\n');
  await closed;
  await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
});

test('a port that is taken is named', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await eventually('it listens', () => other.listening);

  const taken = serve({ port: (other.address() as AddressInfo).port });

  await expect(taken).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
});

test('an address that is not ours is named', async () => {
  await expect(serve({ address: '192.0.2.1' })).rejects.toMatchObject({ code: 'SETTING_INVALID' });
});
