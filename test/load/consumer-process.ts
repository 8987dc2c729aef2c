// A consumer of the load rig: an application of its own, beside the workers. It reads the store with a role that may do
// nothing else, and answers proof challenges by `keyturn/consumer`. Ordered over IPC, gone with whoever started it.
import { type IncomingMessage, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerChallenge } from 'keyturn/consumer';
import { localKeyring } from '../../src/adapters/local-keyring/local-keyring.js';
import { createPool } from '../../src/adapters/postgres/connection.js';
import { postgresStoreReader } from '../../src/adapters/postgres/store/versions.js';
import { parseCredential } from '../../src/core/credential.js';
import { names } from './cast.js';
import { Consumer } from './consumer.js';
import type { ConsumerOrder, FromConsumer, ToConsumer } from './consumer-protocol.js';

const reportEveryMs = 200;
const fields = { identity: 'username', value: 'password' };

let consumer: Consumer | undefined;
let finish: () => Promise<void> = async () => {};

const tell = (message: FromConsumer): Promise<void> =>
  new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));

async function start(order: ConsumerOrder): Promise<void> {
  const pool = createPool(order.stateUrl, { sessions: 4 });
  const reader = postgresStoreReader({ pool, keyring: await localKeyring(order.keyFile) });
  const started = new Consumer({
    name: order.name,
    target: order.target,
    read: async (secret, selector) => {
      const found = await reader.readCurrent(secret, selector);
      return found === null
        ? null
        : { version: found.version, credential: parseCredential(found.value, fields, secret) };
    },
  });
  consumer = started;
  const server = await serve(started, order);
  const reports = setInterval(() => void tell({ kind: 'counted', counters: started.counters() }), reportEveryMs);
  finish = async () => {
    clearInterval(reports);
    server.close();
    server.closeAllConnections();
    await started.stop();
    await pool.end();
    await tell({ kind: 'finished', counters: started.counters() });
    process.disconnect();
  };
  await tell({ kind: 'listening', port: (server.address() as AddressInfo).port });
}

async function serve(answering: Consumer, { name, consumerKey }: ConsumerOrder): Promise<Server> {
  const answer = async (request: IncomingMessage): ReturnType<typeof answerChallenge> =>
    answerChallenge({
      body: await bodyOf(request),
      headers: request.headers,
      key: consumerKey,
      instance: `${name}-${process.pid}`,
      environment: names.environment,
      held: (challenge) => answering.held(challenge),
    });
  const server = createServer((request, response) => {
    answer(request)
      .then(async ({ status, headers, body }) => {
        response.writeHead(status, headers).end(body);
        if (status === 204) await answering.told();
      })
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return server;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // An HTTP request gives buffers unless an encoding is set.
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

process.on('message', (message: ToConsumer) => {
  switch (message.kind) {
    case 'start':
      void start(message.order);
      break;
    case 'work':
      void consumer?.start();
      break;
    case 'finish':
      void finish();
      break;
    default:
      message satisfies never;
  }
});
process.once('disconnect', () => process.exit(0));
