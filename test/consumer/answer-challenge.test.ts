import { Webhook } from 'standardwebhooks';
import { type AnswerOptions, type Held, answerChallenge } from 'keyturn/consumer';
import { expect, test } from 'vitest';
import { isProof } from '../../src/adapters/http/consumer-proof.js';
import { Secret } from '../../src/core/secret.js';
import { freshKey } from '../adapters/http/receiver.js';

const key = freshKey();
const value = 'Zm9vYmFyYmF6cXV4Zm9vYmFy';
const challenge = {
  phase: 'canary',
  nonce: 'n0nce',
  environment: 'prod',
  secret: 'prod:/billing/db',
  rotation: 'r1',
  version: 7,
} as const;

function request(data: unknown = challenge, at = new Date(), signedBy = key): AnswerOptions {
  const body = JSON.stringify({ type: 'rotation.canary', timestamp: at.toISOString(), data });
  return {
    body,
    headers: {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(signedBy).sign('msg_1', at, body),
    },
    key,
    instance: 'web-1',
    environment: 'prod',
    held: (): Held => ({ kind: 'uses', value }),
  };
}

test('who holds the version asked for proves it', async () => {
  const asked: unknown[] = [];
  const answer = await answerChallenge({
    ...request(),
    held: (one) => {
      asked.push(one);
      return { kind: 'uses', value };
    },
  });

  const { instance, proof } = JSON.parse(answer.body) as { instance: string; proof: string };
  expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
  expect(isProof(proof, Secret.fromText(value), { challenge, instance })).toBe(true);
  expect(asked).toEqual([{ phase: 'canary', secret: 'prod:/billing/db', version: 7, rotation: 'r1' }]);
  expect(answer.body).not.toContain(value);
});

test.each([
  ['pending', { kind: 'pending' } as const, { instance: 'web-1', pending: true }],
  ['refused', { kind: 'refuses', reason: '28P01' } as const, { instance: 'web-1', refused: '28P01' }],
])('who does not use it says %s', async (_, held, body) => {
  expect(JSON.parse((await answerChallenge({ ...request(), held: () => held })).body)).toEqual(body);
});

test('what is thrown while looking is pending, and not told', async () => {
  const answer = await answerChallenge({ ...request(), held: () => Promise.reject(new Error(`login with ${value}`)) });

  expect(JSON.parse(answer.body)).toEqual({ instance: 'web-1', pending: true });
});

test('what the application throws is told to nobody but itself, with what it was about', async () => {
  const [failure, late] = [new Error(`login with ${value}`), new Error('a listener')];
  const heard: unknown[] = [];
  const onError: AnswerOptions['onError'] = (...each) => {
    heard.push(each);
    throw new Error('a log that fails');
  };
  const webhook = { environment: 'prod', secret: 'prod:/billing/db', rotation: 'r1', version: 7 };

  const asked = await answerChallenge({ ...request(), held: () => Promise.reject(failure), onError });
  const told = await answerChallenge({
    ...request(webhook),
    told: () => {
      throw late;
    },
    onError,
  });

  expect([JSON.parse(asked.body), told.status]).toEqual([{ instance: 'web-1', pending: true }, 204]);
  expect(heard).toEqual([
    [failure, { phase: 'canary', secret: 'prod:/billing/db', version: 7, rotation: 'r1' }],
    [late, { type: 'rotation.canary', secret: 'prod:/billing/db' }],
  ]);
});

test('a challenge of another environment is refused without a look at the secret', async () => {
  let looked = false;
  const answer = await answerChallenge({
    ...request(),
    environment: 'staging',
    held: () => {
      looked = true;
      return { kind: 'uses', value };
    },
  });

  expect(JSON.parse(answer.body)).toEqual({ instance: 'web-1', refused: 'this is staging' });
  expect(looked).toBe(false);
});

test('a request that was not signed with our key is turned away', async () => {
  const five = 5 * 60_000 + 2_000;
  const forged = [
    request(challenge, new Date(), freshKey()),
    { ...request(), headers: {} },
    { ...request(), body: JSON.stringify({ type: 'rotation.canary', data: challenge }) },
    request(challenge, new Date(Date.now() - five)),
    request(challenge, new Date(Date.now() + five)),
    { ...request(), key: [] },
  ];

  for (const one of forged) {
    let looked = false;
    const answer = await answerChallenge({
      ...one,
      held: () => {
        looked = true;
        return { kind: 'uses', value };
      },
    });
    expect(answer).toEqual({ status: 401, headers: {}, body: '' });
    expect(looked).toBe(false);
  }
});

test('the old and the new key both verify while the key is replaced', async () => {
  const next = freshKey();

  expect((await answerChallenge({ ...request(), key: [next, key] })).status).toBe(200);
  expect((await answerChallenge({ ...request(challenge, new Date(), next), key: [next, key] })).status).toBe(200);
});

test('the body may come as a buffer', async () => {
  const one = request();

  expect((await answerChallenge({ ...one, body: Buffer.from(one.body) })).status).toBe(200);
});

test.each([
  ['a webhook of another kind', { environment: 'prod', secret: 'prod:/billing/db', rotation: 'r1', version: 7 }],
  ['a challenge without a nonce', { ...challenge, nonce: undefined }],
  ['a phase of later days', { ...challenge, phase: 'encore' }],
  ['a version that is no number', { ...challenge, version: '7' }],
  ['nothing', null],
])('%s is acknowledged and not answered', async (_, data) => {
  expect(await answerChallenge(request(data))).toEqual({ status: 204, headers: {}, body: '' });
});
