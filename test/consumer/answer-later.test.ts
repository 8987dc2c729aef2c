import { type Acked, type LaterOptions, answerLater } from 'keyturn/consumer';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { readAck } from '../../src/api/ack-shape.js';
import { isProof } from '../../src/adapters/http/consumer-proof.js';
import { Secret } from '../../src/core/secret.js';
import { freshKey, receiver, status } from '../adapters/http/receiver.js';

const [key, newKey] = [freshKey(), freshKey()];
const value = 'Zm9vYmFyYmF6cXV4Zm9vYmFy';
const challenge = {
  phase: 'drain',
  nonce: 'a-nonce-of-this-look',
  environment: 'prod',
  secret: 'prod:/billing/db',
  rotation: 'r1',
  version: 7,
} as const;

/** A webhook of Keyturn, its `/v1/acks`, and how this process answers. */
async function asked(change: Partial<LaterOptions> = {}, data: object = challenge) {
  const keyturn = await receiver(status(202));
  const at = new Date();
  const body = JSON.stringify({ type: 'rotation.promoted', timestamp: at.toISOString(), data });
  const options: LaterOptions = {
    body,
    headers: {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(key).sign('msg_1', at, body),
    },
    key,
    instance: 'web-1',
    environment: 'prod',
    held: () => ({ kind: 'uses', value }),
    url: keyturn.url,
    ...change,
  };
  return { keyturn, options };
}

const nothing: Acked = { kind: 'nothing' };

test('a challenge is answered with 202 before anything is asked, and with a signed proof later', async () => {
  let isAnswered = false;
  const { keyturn, options } = await asked({
    held: () => (isAnswered ? { kind: 'uses', value } : { kind: 'pending' }),
  });

  const { answer, acked } = answerLater(options);
  isAnswered = true;

  expect(answer).toMatchObject({ status: 202, body: '{"instance":"web-1"}' });
  expect(await acked).toEqual({ kind: 'sent', status: 202 });
  const [{ headers, body, method } = { headers: {}, body: '', method: '' }] = keyturn.received;
  expect(method).toBe('POST');
  expect(new Webhook(key).verify(body, { ...headers })).toEqual({
    nonce: challenge.nonce,
    instance: 'web-1',
    proof: expect.any(String),
  });
  const { proof } = JSON.parse(body) as { readonly proof: string };
  expect(isProof(proof, Secret.fromText(value), { challenge, instance: 'web-1' })).toBe(true);
  expect(readAck(body)).toMatchObject({ nonce: challenge.nonce, isRefusal: false });
});

test('a refusal is sent in words that Keyturn takes', async () => {
  const { keyturn, options } = await asked({ held: () => ({ kind: 'refuses', reason: 'login refused' }) });

  await answerLater(options).acked;

  expect(readAck(keyturn.received[0]?.body ?? '')).toEqual({
    nonce: challenge.nonce,
    said: { instance: 'web-1', refused: 'login refused' },
    isRefusal: true,
  });
});

test('while the key is replaced it is signed with both', async () => {
  const { keyturn, options } = await asked({ key: [newKey, key] });

  await answerLater(options).acked;

  const [{ headers, body } = { headers: {}, body: '' }] = keyturn.received;
  for (const each of [key, newKey]) expect(new Webhook(each).verify(body, { ...headers })).toBeDefined();
});

test.each<[string, LaterOptions['held']]>([
  ['is not used yet', () => ({ kind: 'pending' })],
  ['cannot be told', () => Promise.reject(new Error('no connection'))],
])('of a version that %s nothing is sent', async (_, held) => {
  const { keyturn, options } = await asked({ held });

  expect(await answerLater(options).acked).toEqual(nothing);
  expect(keyturn.received).toEqual([]);
});

test('what `held` throws is told to the application, and nothing is sent', async () => {
  const failure = new Error('no connection');
  const heard: unknown[] = [];
  const { keyturn, options } = await asked({
    held: () => Promise.reject(failure),
    onError: (...each) => heard.push(each),
  });

  expect(await answerLater(options).acked).toEqual(nothing);
  expect(heard).toEqual([[failure, { phase: 'drain', secret: 'prod:/billing/db', version: 7, rotation: 'r1' }]]);
  expect(keyturn.received).toEqual([]);
});

test('what does not verify, asks nothing, or is of another environment is answered at once', async () => {
  const forged = await asked({ key: freshKey() });
  const told = await asked({}, { environment: 'prod', secret: 'prod:/billing/db' });
  const foreign = await asked({ environment: 'staging' });

  const answers = [forged, told, foreign].map(({ options }) => answerLater(options));

  expect(answers.map(({ answer }) => answer.status)).toEqual([401, 204, 200]);
  expect(JSON.parse(answers[2]?.answer.body ?? '')).toEqual({ instance: 'web-1', refused: 'this is staging' });
  expect(await Promise.all(answers.map(async ({ acked }) => acked))).toEqual([nothing, nothing, nothing]);
  expect([forged, told, foreign].flatMap(({ keyturn }) => keyturn.received)).toEqual([]);
});

test('a Keyturn that is not there, or leads elsewhere, rejects nothing', async () => {
  const elsewhere = await receiver(status(307, { location: 'http://127.0.0.1:1/' }));
  const away = await asked({ url: 'http://127.0.0.1:1/v1/acks' });
  const led = await asked({ url: elsewhere.url });

  expect(await answerLater(away.options).acked).toMatchObject({ kind: 'unreachable' });
  expect(await answerLater(led.options).acked).toMatchObject({ kind: 'unreachable' });
});
