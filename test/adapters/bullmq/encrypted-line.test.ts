import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { migrateQueue } from '../../../src/adapters/bullmq/migrate-queue.js';
import { connectQueue } from '../../../src/adapters/bullmq/queue-backend.js';
import { parseQueueUrl } from '../../../src/adapters/bullmq/queue-url.js';

/** https://www.postgresql.org/docs/current/protocol-message-formats.html */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** A PostgreSQL without TLS: it declines what it is asked, and keeps everything it was sent. */
async function plainServer(): Promise<{ readonly port: number; readonly heard: () => Buffer }> {
  const chunks: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (chunk.equals(sslRequest)) socket.write('N');
      else socket.destroy();
    });
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, heard: () => Buffer.concat(chunks) };
}

// Leads to this machine, and is not one of the addresses that are known to.
const elsewhere = '0.0.0.0';

test.each(['', '?sslmode=prefer', '?sslmode=require', '?sslmode=no-verify', '?ssl=false'])(
  'a queue elsewhere (%s) is asked for TLS, and hears nothing where it has none',
  async (parameters) => {
    const server = await plainServer();
    const url = `postgres://someone:planted-password@${elsewhere}:${server.port}/keyturn${parameters}`;

    await expect(migrateQueue(url)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await expect(connectQueue({ server: parseQueueUrl(url), prefix: 'keyturn', onError: () => {} })).rejects.toThrow();

    expect(server.heard().toString('hex')).toBe(sslRequest.toString('hex').repeat(2));
  },
);

test('without TLS is spoken to loopback, and elsewhere where that is written', async () => {
  const server = await plainServer();

  await expect(migrateQueue(`postgres://a:b@127.0.0.1:${server.port}/keyturn`)).rejects.toThrow();
  await expect(migrateQueue(`postgres://a:b@${elsewhere}:${server.port}/keyturn?sslmode=disable`)).rejects.toThrow();

  expect(server.heard().includes('keyturn-queue')).toBe(true);
  expect(server.heard().includes(sslRequest)).toBe(false);
});
