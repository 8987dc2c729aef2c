import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import {
  type Acked,
  type Consumer,
  type ConsumerOptions,
  createConsumer,
  fastifyPlugin,
  fetchHandler,
  nodeHandler,
} from 'keyturn/consumer';
import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isProof } from '../../src/adapters/http/consumer-proof.js';
import { Secret } from '../../src/core/secret.js';
import { freshKey, receiver, status } from '../adapters/http/receiver.js';
import { followed, freshLogin } from './two-logins.js';

const key = freshKey();
const old = freshLogin('app_a');
const fresh = freshLogin('app_b');
const challenge = {
  phase: 'drain',
  nonce: 'n0nce',
  environment: 'prod',
  secret: 'prod:/prod/billing/db',
  rotation: 'r1',
  version: 2,
} as const;

/** A webhook of Keyturn, as its worker sends it. */
function signed(data: object = challenge, type = 'rotation.promoted') {
  const at = new Date();
  const body = JSON.stringify({ type, timestamp: at.toISOString(), data });
  const headers = {
    'content-type': 'application/json',
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(key).sign('msg_1', at, body),
  };
  return { method: 'POST', body, headers };
}

/** An application that holds the first version; the store names the second. `works`: what its own login says of a version. */
function application(works?: (username: string) => Promise<boolean>) {
  const { credential, promote } = followed(old);
  const consumer = createConsumer({
    key,
    instance: 'web-1',
    environment: 'prod',
    secrets: {
      '/prod/billing/db': {
        credential,
        ...(works === undefined ? {} : { tryPending: async (held) => works(held.get('username')) }),
      },
    },
  });
  return { credential, consumer, promote };
}

const told = async (consumer: Consumer, data: object = challenge): Promise<unknown> =>
  JSON.parse((await consumer.answer(signed(data))).body);

const isProved = (answer: unknown, about: typeof challenge | (typeof challenge & { phase: 'canary' }), value: string) =>
  isProof((answer as { readonly proof: string }).proof, Secret.fromText(value), {
    challenge: about,
    instance: 'web-1',
  });

describe('asked for the promoted version', () => {
  test('it reads the store anew and proves what new connections use from then on', async () => {
    const { consumer, credential, promote } = application();
    expect((await credential.current()).version).toBe(1);
    promote(fresh);

    expect(isProved(await told(consumer), challenge, fresh.password)).toBe(true);
    expect((await credential.current()).get('username')).toBe('app_b');
  });

  test.each([
    ['uses another version still', async () => 1],
    ['cannot say', async () => Promise.reject(new Error('no connection'))],
  ])('it proves nothing while what it opens %s', async (_, moved) => {
    const { credential, promote } = followed(old);
    const secrets = { '/prod/billing/db': { credential, moved } };
    const consumer = createConsumer({ key, instance: 'web-1', environment: 'prod', secrets });
    promote(fresh);

    expect(await told(consumer)).toEqual({ instance: 'web-1', pending: true });
  });

  test('it proves nothing while the store names another', async () => {
    expect(await told(application().consumer)).toEqual({ instance: 'web-1', pending: true });
  });
});

describe('told to answer later', () => {
  /** What it answers, and what comes of it. */
  async function later(change: Partial<ConsumerOptions['later'] & object> = {}) {
    const keyturn = await receiver(status(202));
    const { credential, promote } = followed(old);
    const acked: Acked[] = [];
    const consumer = createConsumer({
      ...{ key, instance: 'web-1', environment: 'prod', secrets: { '/prod/billing/db': { credential } } },
      later: { url: keyturn.url, onAcked: (each) => acked.push(each), ...change },
    });
    promote(fresh);
    return { keyturn, consumer, acked };
  }

  test('it answers 202 at once, and sends its proof when it has it', async () => {
    const { keyturn, consumer, acked } = await later();

    expect(await consumer.answer(signed())).toMatchObject({ status: 202, body: '{"instance":"web-1"}' });
    await expect.poll(() => acked).toEqual([{ kind: 'sent', status: 202 }]);
    const ack: unknown = JSON.parse(keyturn.received[0]?.body ?? '');
    expect(ack).toMatchObject({ nonce: challenge.nonce, instance: 'web-1' });
    expect(isProved(ack, challenge, fresh.password)).toBe(true);
  });

  test('it tells where Keyturn was not reached, and what a listener throws is dropped', async () => {
    const heard: Acked[] = [];
    const onAcked = (acked: Acked): never => {
      heard.push(acked);
      throw new Error('a log that fails');
    };
    const { consumer } = await later({ url: 'http://127.0.0.1:1/v1/acks', onAcked });

    expect((await consumer.answer(signed())).status).toBe(202);
    await expect.poll(() => heard).toMatchObject([{ kind: 'unreachable' }]);
  });

  test('what asks nothing is answered as ever', async () => {
    const { keyturn, consumer, acked } = await later();

    expect((await consumer.answer({ ...signed(), body: '{}' })).status).toBe(401);
    await expect.poll(() => acked).toEqual([{ kind: 'nothing' }]);
    expect(keyturn.received).toEqual([]);
  });
});

describe('asked to try the pending version', () => {
  const canary = { ...challenge, phase: 'canary', version: 1 } as unknown as typeof challenge;

  test('it proves it where its own login worked, and goes on with the old one', async () => {
    const { consumer, credential, promote } = application(async (username) => username === 'app_a');
    promote(fresh);
    await credential.refresh();

    expect(isProved(await told(consumer, canary), canary, old.password)).toBe(true);
    expect((await credential.current()).version).toBe(2);
  });

  test('it refuses where its own login was refused', async () => {
    const { consumer } = application(async () => false);

    expect(await told(consumer, canary)).toEqual({ instance: 'web-1', refused: 'the login was refused' });
  });

  test.each([
    ['could not find out', async () => Promise.reject(new Error('no route'))],
    ['was not told how', undefined],
  ])('it is pending where it %s', async (_, works) => {
    expect(await told(application(works).consumer, canary)).toEqual({ instance: 'web-1', pending: true });
  });
});

test('why nothing is proved is told to the application where something threw', async () => {
  const { credential, promote } = followed(old);
  const [unmoved, untried] = [new Error('no connection'), new Error('no route')];
  const secrets = {
    '/prod/billing/db': {
      credential,
      moved: async () => Promise.reject(unmoved),
      tryPending: async () => Promise.reject(untried),
    },
  };
  const heard: unknown[] = [];
  const onError: ConsumerOptions['onError'] = (error, { secret }) => heard.push([error, secret]);
  const consumer = createConsumer({ key, instance: 'web-1', environment: 'prod', secrets, onError });
  const { secret, environment } = challenge;

  await told(consumer);
  await told(consumer, { ...challenge, phase: 'canary', version: 1 });
  promote('no credential' as never);
  await consumer.answer(signed({ secret, environment, rotation: 'r1', version: 2, sequence: 9 }));

  const about = 'prod:/prod/billing/db';
  await expect
    .poll(() => heard)
    .toEqual([
      [unmoved, about],
      [untried, about],
      [expect.objectContaining({ reason: 'NoCredential' }), about],
    ]);
});

test('a secret it does not read is pending, and names of objects are no secrets', async () => {
  const { consumer } = application();

  for (const secret of ['prod:/prod/other', 'prod:constructor', 'constructor', 'other:/prod/billing/db'])
    expect(await told(consumer, { ...challenge, secret })).toEqual({ instance: 'web-1', pending: true });
});

test('a webhook that only tells of a promotion lets it read the store', async () => {
  const { consumer, credential, promote } = application();
  await credential.current();
  promote(fresh);
  const change = new Promise((resolve) => credential.onChange(resolve));
  const { secret, environment } = challenge;

  const answer = await consumer.answer(signed({ secret, environment, rotation: 'r1', version: 2, sequence: 9 }));

  expect(answer.status).toBe(204);
  expect(await change).toMatchObject({ version: 2 });
});

test('a credential that is printed shows its version and nothing else', async () => {
  const { credential } = application();
  const held = await credential.current();

  for (const text of [inspect(held, { showHidden: true, depth: 9 }), JSON.stringify(held), inspect(credential)])
    expect(text).not.toContain(old.password);
  expect(JSON.stringify(held)).toBe('{"version":1}');
  expect(() => held.get('passwort')).toThrow('a credential has username, password, not passwort');
});

test('what the store names and nobody can use is an error, and what is held stays', async () => {
  const { credential, errors, promote } = followed(old, { pollMs: 5 });
  await credential.current();
  promote('no credential' as never);

  await expect(credential.refresh()).rejects.toMatchObject({ reason: 'NoCredential' });
  await expect.poll(() => errors.length).toBeGreaterThan(0);
  expect((await credential.current()).version).toBe(1);
});

test('without any webhook a change is found by looking', async () => {
  const store = followed(old, { pollMs: 5 });
  await store.credential.current();
  store.promote(fresh);
  // The reader serves what it holds for as long as it was told to.
  store.reader.invalidate('/prod/billing/db:current');

  await expect.poll(async () => (await store.credential.current()).version).toBe(2);
});

/** Listens on loopback until the test has finished. *Returns* where. */
async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keyturn`;
}

const frameworks: readonly (readonly [
  string,
  (consumer: Consumer) => Promise<(request: RequestInit) => Promise<Response>>,
])[] = [
  [
    'node:http',
    async (consumer) => {
      const url = await listening(createServer(nodeHandler(consumer)));
      return async (request) => fetch(url, request);
    },
  ],
  [
    'Express',
    async (consumer) => {
      const app = express();
      app.post('/keyturn', nodeHandler(consumer));
      const url = await listening(createServer(app));
      return async (request) => fetch(url, request);
    },
  ],
  [
    'Express with express.raw()',
    async (consumer) => {
      const app = express();
      app.use(express.raw({ type: '*/*', limit: '1mb' }));
      app.post('/keyturn', nodeHandler(consumer));
      const url = await listening(createServer(app));
      return async (request) => fetch(url, request);
    },
  ],
  [
    'Fastify',
    async (consumer) => {
      const app = fastify();
      await app.register(fastifyPlugin(consumer), { prefix: '/keyturn' });
      app.post('/other', async (request) => ({ got: request.body }));
      await app.listen({ host: '127.0.0.1', port: 0 });
      onTestFinished(() => app.close());
      const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
      const other = await fetch(`${url}/other`, { ...signed({ a: 1 }), body: '{"a":1}' });
      expect(await other.json()).toEqual({ got: { a: 1 } });
      return async (request) => fetch(`${url}/keyturn`, request);
    },
  ],
  [
    'Hono',
    async (consumer) => {
      const app = new Hono();
      const handle = fetchHandler(consumer);
      app.post('/keyturn', (context) => handle(context.req.raw));
      return async (request) => app.request('/keyturn', request);
    },
  ],
];

describe.each(frameworks)('under %s', (_, serve) => {
  test('a challenge is proved, a forged one is 401, and what is too long is refused', async () => {
    const { consumer, promote } = application();
    promote(fresh);
    const ask = await serve(consumer);

    const proved = await ask(signed());
    expect(proved.status).toBe(200);
    expect(isProved(await proved.json(), challenge, fresh.password)).toBe(true);
    const { body, ...rest } = signed();
    expect((await ask({ ...rest, body: `${body} ` })).status).toBe(401);
    expect((await ask({ method: 'POST' })).status).toBe(401);
    expect((await ask({ ...rest, body: 'x'.repeat(70_000) })).status).toBe(413);
    expect((await ask({ method: 'GET' })).status).toBeGreaterThanOrEqual(400);
  });
});

test('under Express a body that was parsed before is an error of the server, and nothing is proved', async () => {
  const app = express();
  app.use(express.json());
  app.post('/keyturn', nodeHandler(application().consumer));
  const url = await listening(createServer(app));

  expect((await fetch(url, signed())).status).toBe(500);
});
