// A consumer of the load rig: an application of its own, beside the workers. It reads the store with a role that may do
// nothing else, and answers proof challenges by `keyturn/consumer`. Ordered over IPC, gone with whoever started it.
import { type IncomingMessage, type RequestListener, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerChallenge } from 'keyturn/consumer';
import { localKeyring } from '../../src/adapters/local-keyring/local-keyring.js';
import { createPool } from '../../src/adapters/postgres/connection.js';
import { postgresStoreReader } from '../../src/adapters/postgres/store/versions.js';
import { parseCredential } from '../../src/core/credential.js';
import { names } from './cast.js';
import { Consumer } from './consumer.js';
import type { ConsumerCounters, ConsumerOrder, FromConsumer, ToConsumer } from './consumer-protocol.js';
import { LibraryConsumer } from './library-consumer.js';

const reportEveryMs = 200;
const fields = { identity: 'username', value: 'password' };

/** A consumer of either kind. */
interface AtWork {
  readonly start: () => Promise<void>;
  readonly counters: () => ConsumerCounters;
  readonly stop: () => Promise<void>;
  /** Answers webhooks and challenges. */
  readonly handle: RequestListener;
}

/** Reads the store by label or number. */
type Read = ReturnType<typeof postgresStoreReader>['readCurrent'];

let consumer: AtWork | undefined;
let finish: () => Promise<void> = async () => {};

const tell = (message: FromConsumer): Promise<void> =>
  new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));

async function start(order: ConsumerOrder): Promise<void> {
  const pool = createPool(order.stateUrl, { sessions: 4 });
  const reader = postgresStoreReader({ pool, keyring: await localKeyring(order.keyFile) });
  const read: Read = (secret, selector) => reader.readCurrent(secret, selector);
  const started = order.kind === 'library' ? withLibrary(order, read) : byHand(order, read);
  consumer = started;
  const server = createServer(started.handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
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

function withLibrary({ name, consumerKey, target }: ConsumerOrder, read: Read): AtWork {
  const made = new LibraryConsumer({ name, key: consumerKey, target, read });
  return { start: () => made.start(), counters: () => made.counters(), stop: () => made.stop(), handle: made.handle };
}

function byHand({ name, consumerKey, target }: ConsumerOrder, read: Read): AtWork {
  const made = new Consumer({
    name,
    target,
    read: async (secret, selector) => {
      const found = await read(secret, selector);
      return found === null
        ? null
        : { version: found.version, credential: parseCredential(found.value, fields, secret) };
    },
  });
  const answer = async (request: IncomingMessage): ReturnType<typeof answerChallenge> =>
    answerChallenge({
      body: await bodyOf(request),
      headers: request.headers,
      key: consumerKey,
      instance: `${name}-${process.pid}`,
      environment: names.environment,
      held: (challenge) => made.held(challenge),
    });
  const handle: RequestListener = (request, response) => {
    answer(request)
      .then(async ({ status, headers, body }) => {
        response.writeHead(status, headers).end(body);
        if (status === 204) await made.told();
      })
      .catch(() => response.destroy());
  };
  return { start: () => made.start(), counters: () => made.counters(), stop: () => made.stop(), handle };
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
