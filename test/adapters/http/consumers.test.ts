import type { ServerResponse } from 'node:http';
import { answerChallenge, createProof } from 'keyturn/consumer';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { webhookSchemas } from '../../../scripts/webhooks-doc.js';
import { httpConsumers } from '../../../src/adapters/http/consumers.js';
import { keyName } from '../../../src/adapters/http/signing.js';
import { renderCredential } from '../../../src/core/credential.js';
import type { PlannedConsumer } from '../../../src/core/plan.js';
import { Secret } from '../../../src/core/secret.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import { scopeOf } from '../store/store-fixture.js';
import { type Received, type Receiver, freshKey, receiver, status } from './receiver.js';

const key = freshKey();
const value = 'Zm9v+mFy/mF6cXV4Zm9vYmFy';
const fields = { identity: 'username', value: 'password' };
const stored = (): Secret => renderCredential({ identity: 'app_b', value: Secret.fromText(value) }, fields);

function consumer(name: string, url: string | null, changes: Partial<PlannedConsumer> = {}): PlannedConsumer {
  return { name, url, canary: true, required: true, cacheTtlMs: 0, ...changes };
}

function scope(consumers: readonly PlannedConsumer[], changes: Partial<Scope> = {}): Scope {
  return { ...scopeOf('prod:/billing/db', 'r1', 1, { consumers }), ...changes };
}

const keys = (...names: readonly string[]) =>
  new Map(names.map((name) => [keyName('prod:/billing/db', name), Secret.fromText(key)]));
const asking = (...names: readonly string[]) =>
  httpConsumers({ keys: keys(...names), allowPrivate: true, timeoutMs: 5_000 });

/** An application that holds this password. */
const holding =
  (password: string, environment = 'prod') =>
  async ({ body, headers }: Received, response: ServerResponse): Promise<void> => {
    const answer = await answerChallenge({
      body,
      headers,
      key,
      instance: 'web-1',
      environment,
      held: () => ({ kind: 'uses', value: password }),
    });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  };

/** An application that answers this. */
const saying =
  (answer: unknown) =>
  (_: Received, response: ServerResponse): void => {
    response.writeHead(200).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  };

async function challenge(server: Pick<Receiver, 'url'>) {
  const [answer] = await asking('app').challenge(scope([consumer('app', server.url)]), 'canary', 7, stored());
  return answer;
}

const pending = (reason: string, instance: string | null = null) => ({
  consumer: 'app',
  instance,
  answer: 'pending',
  reason,
});
const unreachable = (reason: string) => ({ consumer: 'app', instance: null, answer: 'unreachable', reason });

test('who holds the credential proves it', async () => {
  const server = await receiver(holding(value));

  expect(await challenge(server)).toEqual({ consumer: 'app', instance: 'web-1', answer: 'proved', reason: '' });
});

test.each([
  ['canary', 'rotation.canary'],
  ['drain', 'rotation.promoted'],
] as const)('the challenge of %s is signed, names what is asked and holds no value', async (phase, type) => {
  const server = await receiver(holding(value));

  await asking('app').challenge(scope([consumer('app', server.url)]), phase, 7, stored());

  const [{ body, headers }] = server.received as readonly Received[] as [Received];
  expect(new Webhook(key).verify(body, headers)).toEqual({
    type,
    timestamp: expect.any(String),
    data: {
      environment: 'prod',
      secret: 'prod:/billing/db',
      rotation: 'r1',
      version: 7,
      phase,
      nonce: expect.stringMatching(/^[\w-]{32}$/),
    },
  });
  expect(webhookSchemas.challenge.safeParse(JSON.parse(body)).success).toBe(true);
  expect(JSON.stringify(headers) + body).not.toContain(value);
});

test('who holds another value is pending, never proved', async () => {
  const server = await receiver(holding('an-older-value-of-this-one'));

  expect(await challenge(server)).toEqual(pending('its proof is not one of this version', 'web-1'));
});

test('the value with the document around it is not the value', async () => {
  const server = await receiver(holding(JSON.stringify({ username: 'app_b', password: value })));

  expect(await challenge(server)).toMatchObject({ answer: 'pending' });
});

test('who runs in another environment refuses', async () => {
  const server = await receiver(holding(value, 'staging'));

  expect(await challenge(server)).toMatchObject({ answer: 'refused', reason: 'this is staging' });
});

test('a proof that was made for an earlier challenge is none', async () => {
  let first: string | undefined;
  const honest = holding(value);
  const server = await receiver(async (received, response) => {
    if (first !== undefined) {
      response.writeHead(200).end(first);
      return;
    }
    const { data } = JSON.parse(received.body) as { data: Parameters<typeof createProof>[1] };
    first = JSON.stringify({ instance: 'web-1', proof: createProof(value, { ...data, instance: 'web-1' }) });
    await honest(received, response);
  });

  expect(await challenge(server)).toMatchObject({ answer: 'proved' });
  expect(await challenge(server)).toEqual(pending('its proof is not one of this version', 'web-1'));
});

test('a proof of another consumer of the same round is none', async () => {
  const seen: string[] = [];
  const server = await receiver(async ({ body }, response) => {
    seen.push(body);
    const { data } = JSON.parse(seen[0]!) as { data: Parameters<typeof createProof>[1] };
    saying({ instance: 'web-1', proof: createProof(value, { ...data, instance: 'web-1' }) })(
      { body, headers: {} },
      response,
    );
  });
  const consumers = [consumer('app', server.url), consumer('other', server.url)];

  const answers = await asking('app', 'other').challenge(scope(consumers), 'canary', 7, stored());

  expect(answers.map(({ answer }) => answer).sort()).toEqual(['pending', 'proved']);
});

describe('one that answers badly is', () => {
  test.each([
    ['of nothing', ''],
    ['that is no JSON', 'OK'],
    ['that is a list', []],
    ['without an instance', { proof: 'x' }],
    ['with an instance that is no name', { instance: 'web 1\n', proof: 'x' }],
    ['with an endless instance', { instance: 'x'.repeat(129), proof: 'x' }],
    ['that is huge', 'x'.repeat(70_000)],
    ['with the value as its instance', { instance: value, proof: 'x' }],
  ])('pending for an answer %s', async (_, answer) => {
    expect(await challenge(await receiver(saying(answer)))).toEqual(pending('its answer could not be read'));
  });

  test.each([
    ['without a proof', { instance: 'web-1' }, 'its answer holds no proof'],
    ['that it is not so far', { instance: 'web-1', pending: true }, 'it does not use this version yet'],
    ['with a made-up proof', { instance: 'web-1', proof: 'A'.repeat(43) }, 'its proof is not one of this version'],
  ])('pending for an answer %s', async (_, answer, reason) => {
    expect(await challenge(await receiver(saying(answer)))).toEqual(pending(reason, 'web-1'));
  });

  test.each([401, 404, 410, 500, 503])('unreachable for an answer of %i', async (code) => {
    expect(await challenge(await receiver(status(code)))).toEqual(unreachable(`it answered ${code}`));
  });

  test('unreachable for a redirect, which is not followed', async () => {
    const elsewhere = await receiver(holding(value));
    const server = await receiver(status(307, { location: elsewhere.url }));

    expect(await challenge(server)).toEqual(unreachable('it answered 307'));
    expect(elsewhere.connections()).toBe(0);
  });

  test('unreachable where nobody listens', async () => {
    expect(await challenge({ url: 'http://127.0.0.1:1/' })).toEqual(unreachable('ECONNREFUSED'));
  });
});

describe('a refusal', () => {
  const refusing = async (words: string) => challenge(await receiver(saying({ instance: 'web-1', refused: words })));

  test('is told with its reason on one short line', async () => {
    expect(await refusing(`28P01\n\u001b[31m${'no '.repeat(200)}`)).toMatchObject({
      answer: 'refused',
      instance: 'web-1',
      reason: `28P01 [31m${'no '.repeat(200)}`.slice(0, 200),
    });
  });

  test.each([
    ['as it is', value],
    ['in part', value.slice(5, 16)],
    ['in Base64', Buffer.from(value).toString('base64')],
    ['in Base64 from within', Buffer.from(`x:${value}`).toString('base64url')],
    ['in hexadecimal', Buffer.from(value).toString('hex').toUpperCase()],
    ['in URL encoding', encodeURIComponent(value)],
    ['in an escaped URL', `postgres://app_b:${encodeURIComponent(value)}@db:5432/app`],
    ['in JSON with escaped slashes', JSON.stringify({ password: value }).replaceAll('/', '\\/')],
  ])('that quotes the value %s loses its words', async (_, quoted) => {
    expect(await refusing(`login failed: ${quoted} was refused`)).toMatchObject({
      answer: 'refused',
      reason: 'its reason held a part of the value and was dropped',
    });
  });
});

test('a dead consumer takes nothing from the others', async () => {
  const dead = await receiver(() => undefined);
  const live = await receiver(holding(value));
  const consumers = [consumer('dead', dead.url), consumer('none', null), consumer('app', live.url)];

  const answers = await httpConsumers({ keys: keys('app'), allowPrivate: true, timeoutMs: 150 }).challenge(
    scope(consumers),
    'canary',
    7,
    stored(),
  );

  expect(answers).toEqual([
    { consumer: 'dead', instance: null, answer: 'unreachable', reason: 'no answer within 150 ms' },
    { consumer: 'none', instance: null, answer: 'pending', reason: 'it has no address' },
    { consumer: 'app', instance: 'web-1', answer: 'proved', reason: '' },
  ]);
});

test('consumers are asked all at once', async () => {
  const waiting: (() => void)[] = [];
  const honest = holding(value);
  // Answers nobody before all three have asked.
  const server = await receiver(async (received, response) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 3) for (const go of waiting) go();
    });
    await honest(received, response);
  });
  const consumers = ['a', 'b', 'c'].map((name) => consumer(name, server.url));

  const answers = await asking('a', 'b', 'c').challenge(scope(consumers), 'canary', 7, stored());

  expect(answers.map(({ answer }) => answer)).toEqual(['proved', 'proved', 'proved']);
});

test('no consumer is waited for past what the step has left', async () => {
  const dead = await receiver(() => undefined);

  const answers = await asking('app').challenge(
    scope([consumer('app', dead.url)], { deadlineMs: 600 }),
    'canary',
    7,
    stored(),
  );

  expect(answers).toEqual([unreachable('no answer within 100 ms')]);
});

test('a step that is given up waits for nobody', async () => {
  const step = new AbortController();
  const dead = await receiver(() => step.abort());

  const answers = await asking('app').challenge(
    scope([consumer('app', dead.url)], { signal: step.signal }),
    'canary',
    7,
    stored(),
  );

  expect(answers).toEqual([unreachable('it was not waited for')]);
});

test('canary asks its consumers only, and drain asks all', async () => {
  const server = await receiver(holding(value));
  const consumers = [consumer('app', server.url), consumer('rest', server.url, { canary: false, required: false })];
  const asked = async (phase: 'canary' | 'drain') =>
    (await asking('app', 'rest').challenge(scope(consumers), phase, 7, stored())).map((answer) => answer.consumer);

  expect(await asked('canary')).toEqual(['app']);
  expect(await asked('drain')).toEqual(['app', 'rest']);
});

test('a consumer without a key is asked without a signature', async () => {
  const server = await receiver(saying({ instance: 'web-1', pending: true }));

  await asking().challenge(scope([consumer('app', server.url)]), 'canary', 7, stored());

  expect(server.received[0]?.headers).not.toHaveProperty('webhook-signature');
});

test('a consumer at a private address is not asked unless that is allowed', async () => {
  const server = await receiver(holding(value));
  const url = server.url.replace('http:', 'https:');

  const answers = await httpConsumers({ keys: keys('app') }).challenge(
    scope([consumer('app', url)]),
    'canary',
    7,
    stored(),
  );

  expect(answers).toEqual([unreachable('its address is not public')]);
  expect(server.connections()).toBe(0);
});

test('what is stored but is no credential is no question', async () => {
  const server = await receiver(holding(value));
  const asked = asking('app').challenge(scope([consumer('app', server.url)]), 'canary', 7, Secret.fromText('{}'));

  await expect(asked).rejects.toMatchObject({ code: 'CURRENT_UNREADABLE' });
});
