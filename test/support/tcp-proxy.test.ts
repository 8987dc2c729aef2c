import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from './eventually.js';
import type { TcpProxy } from './tcp-proxy.js';
import { startTcpProxy } from './tcp-proxy.js';

/** A server that answers each piece with the same in capitals, behind a proxy. */
async function startEcho(): Promise<{ proxy: TcpProxy; received: string[] }> {
  const received: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received.push(chunk.toString());
      socket.write(chunk.toString().toUpperCase());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  onTestFinished(async () => {
    await proxy.stop();
    server.close();
  });
  return { proxy, received };
}

async function open(proxy: TcpProxy): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

test('pass carries bytes both ways', async () => {
  const { proxy } = await startEcho();

  expect(await ask(await open(proxy), 'hello')).toBe('HELLO');
});

test('refuse refuses a connection, and pass accepts on the same port again', async () => {
  const { proxy } = await startEcho();

  await proxy.setMode({ kind: 'refuse' });
  await expect(open(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });

  await proxy.setMode({ kind: 'pass' });
  expect(await ask(await open(proxy), 'hello')).toBe('HELLO');
});

test('refuse resets the connections that are open', async () => {
  const { proxy } = await startEcho();
  const socket = await open(proxy);
  await ask(socket, 'hello');
  const failed = once(socket, 'error');

  await proxy.setMode({ kind: 'refuse' });

  expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
});

test('reset accepts a connection and resets it', async () => {
  const { proxy, received } = await startEcho();
  await proxy.setMode({ kind: 'reset' });
  const socket = connect(proxy.port, '127.0.0.1');

  expect(await once(socket, 'close').catch((error: unknown) => [error])).toMatchObject([{ code: 'ECONNRESET' }]);
  expect(received).toEqual([]);
});

test('delay carries every piece later, in order', async () => {
  const { proxy } = await startEcho();
  const socket = await open(proxy);
  await proxy.setMode({ kind: 'delay', delayMs: 40 });
  const startedAt = performance.now();

  const answer = await ask(socket, 'hello');

  expect(answer).toBe('HELLO');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(75);
});

test('a black hole swallows a request and stays open', async () => {
  const { proxy, received } = await startEcho();
  const socket = await open(proxy);
  await ask(socket, 'before');
  await proxy.setMode({ kind: 'blackHole' });
  const answers: string[] = [];
  socket.on('data', (chunk) => answers.push(chunk.toString()));

  socket.write('swallowed');
  await eventually('the proxy reads the request', () => proxy.swallowedBytes === 'swallowed'.length);
  // A request that is answered on another connection shows that this one would have been answered by now.
  await proxy.setMode({ kind: 'pass' });
  await ask(await open(proxy), 'after');

  expect(answers).toEqual([]);
  expect(received).toEqual(['before', 'after']);
  expect(socket.destroyed).toBe(false);
});

test('a cut lets the request have its effect and drops the answer', async () => {
  const { proxy, received } = await startEcho();
  await proxy.setMode({ kind: 'cutAfterRequest' });
  const socket = await open(proxy);

  await expect(ask(socket, 'alter')).rejects.toMatchObject({ code: 'ECONNRESET' });

  expect(received).toEqual(['alter']);
  expect(proxy.cuts).toBe(1);
});

test('a cut waits for the request that matches', async () => {
  const { proxy } = await startEcho();
  await proxy.setMode({ kind: 'cutAfterRequest', match: /alter/ });
  const socket = await open(proxy);

  expect(await ask(socket, 'select')).toBe('SELECT');
  await expect(ask(socket, 'alter')).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('the last bytes of a side that closes arrive', async () => {
  const { proxy, received } = await startEcho();
  const socket = await open(proxy);
  await proxy.setMode({ kind: 'delay', delayMs: 20 });

  socket.end('farewell');
  await once(socket, 'close');
  await eventually('the server has them', () => received.includes('farewell'));

  expect(received).toEqual(['farewell']);
});

test('an address led through the proxy keeps all but host and port', async () => {
  const { proxy } = await startEcho();

  expect(proxy.url('postgres://user:word@db.internal:5432/billing?sslmode=disable')).toBe(
    `postgres://user:word@127.0.0.1:${proxy.port}/billing?sslmode=disable`,
  );
});
