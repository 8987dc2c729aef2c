import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test } from 'vitest';
import { keyName, verifier } from '../../src/adapters/http/signing.js';
import { postgresAcks } from '../../src/adapters/postgres/acks.js';
import { createPool } from '../../src/adapters/postgres/connection.js';
import { type AcksOptions, startAcksServer } from '../../src/api/acks.js';
import { Secret } from '../../src/core/secret.js';
import type { Acks } from '../../src/ports/challenges.js';
import { freshKey } from '../adapters/http/receiver.js';
import { challengedState, drainOf7, freshNonce } from '../adapters/postgres/challenged.js';
import { freshKeyring } from '../adapters/store/store-fixture.js';

const [webKey, jobKey, oldKey] = [freshKey(), freshKey(), freshKey()];
const proof = randomBytes(32).toString('base64url');

/** The server. Consumers `web` and `job` have keys, `moving` two of them, and `bare` none. */
async function serve(acks: Acks, change: Partial<AcksOptions> = {}) {
  const verify = verifier(
    new Map<string, Secret | (() => Promise<readonly Secret[]>)>([
      [keyName('prod:/asked', 'web'), Secret.fromText(webKey)],
      [keyName('prod:/asked', 'job'), Secret.fromText(jobKey)],
      [keyName('prod:/asked', 'moving'), async () => [Secret.fromText(webKey), Secret.fromText(oldKey)]],
    ]),
  );
  const declared = new Set(['web', 'job', 'moving', 'bare']);
  const seen = { unknown: 0, trouble: [] as string[] };
  const server = await startAcksServer({
    port: 0,
    acks,
    isDeclared: ({ consumer }) => declared.has(consumer),
    verify: async ({ secret, consumer, nowMs }, message) => verify(keyName(secret, consumer), { ...message, nowMs }),
    onUnknown: () => (seen.unknown += 1),
    onTrouble: (code) => seen.trouble.push(code),
    ...change,
  });
  onTestFinished(server.close);
  return { server, seen, declared };
}

/** The server with a state database. */
async function serving(change: Partial<AcksOptions> = {}) {
  const state = await challengedState();
  return { ...state, ...(await serve(state.acks, change)) };
}

/** The server with a database that nobody reaches. */
async function servingWithout() {
  const pool = createPool('postgres://planted:planted-password@127.0.0.1:1/away');
  onTestFinished(async () => pool.end());
  return serve(postgresAcks({ pool, keyring: await freshKeyring() }));
}

type Place = Awaited<ReturnType<typeof serving>>;

const signedWith = (key: string, body: string, at = new Date()): Record<string, string> => ({
  'webhook-id': 'ack_1',
  'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
  'webhook-signature': new Webhook(key).sign('ack_1', at, body),
});

async function send({ server }: Pick<Place, 'server'>, body: string | object, headers: Record<string, string>) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(`${server.url}/v1/acks`, { method: 'POST', body: text, headers });
  return { status: answer.status, body: await answer.json() };
}

/** Sends it signed. */
async function post(place: Pick<Place, 'server'>, body: object, key = webKey) {
  return send(place, body, signedWith(key, JSON.stringify(body)));
}

const proving = (nonce: string) => ({ nonce, instance: 'web-1', proof });
const received = { status: 202, body: { status: 'received' } };
const refusedWith = (status: number, error: RegExp) => ({ status, body: { error: expect.stringMatching(error) } });
const waiting = async ({ challenges, scope }: Place) => challenges.late(scope, drainOf7);

test('an ack that its consumer has signed is received, and waits for the worker', async () => {
  const place = await serving();
  const nonce = await place.issued();

  expect(await post(place, proving(nonce))).toEqual(received);

  expect(await waiting(place)).toMatchObject([{ nonce, kind: 'waiting', consumer: 'web' }]);
  expect(place.seen).toEqual({ unknown: 0, trouble: [] });
});

test('a refusal is received where its consumer has a key', async () => {
  const place = await serving();
  const nonce = await place.issued();

  expect(await post(place, { nonce, instance: 'web-1', refused: 'login refused' })).toEqual(received);
  expect(await waiting(place)).toHaveLength(1);
});

test('a consumer without a key may prove, and may not refuse', async () => {
  const place = await serving();
  const [refusing, nonce] = [await place.issued('bare'), await place.issued('bare')];

  expect(await send(place, { nonce: refusing, instance: 'a', refused: 'no' }, {})).toEqual(
    refusedWith(401, /without a key may prove and not refuse.*: give it a key/),
  );
  expect(await send(place, proving(nonce), {})).toEqual(received);

  expect(await waiting(place)).toMatchObject([{ nonce }]);
  expect(await place.counted()).toEqual({ unsigned: 1 });
});

test('while a key is rotated either of its values is good, and no other', async () => {
  const place = await serving();
  const nonces = [await place.issued('moving'), await place.issued('moving'), await place.issued('moving')] as const;

  expect(await post(place, proving(nonces[0]), webKey)).toEqual(received);
  expect(await post(place, proving(nonces[1]), oldKey)).toEqual(received);
  expect(await post(place, proving(nonces[2]), jobKey)).toMatchObject({ status: 401 });
});

test.each<[string, (body: string) => Record<string, string>]>([
  ['without a signature', () => ({})],
  ['with the key of another consumer', (body) => signedWith(jobKey, body)],
  ['with a signature of another body', () => signedWith(webKey, '{}')],
  [
    'with a signature of more than five minutes ago',
    (body) => signedWith(webKey, body, new Date(Date.now() - 310_000)),
  ],
  ['with a signature of a time to come', (body) => signedWith(webKey, body, new Date(Date.now() + 310_000))],
  ['with a time that is none', (body) => ({ ...signedWith(webKey, body), 'webhook-timestamp': 'now' })],
  ['with another id than was signed', (body) => ({ ...signedWith(webKey, body), 'webhook-id': 'ack_2' })],
])('a forged ack %s is turned away, audited and counted, and leaves the nonce to its consumer', async (_, headers) => {
  const place = await serving();
  const nonce = await place.issued();
  const body = JSON.stringify(proving(nonce));

  expect(await send(place, body, headers(body))).toEqual(refusedWith(401, /not signed by the consumer/));

  expect(await waiting(place)).toEqual([]);
  expect(await place.counted()).toEqual({ unsigned: 1 });
  expect(await place.audited()).toEqual([
    {
      environment: 'prod',
      secret: 'prod:/asked',
      rotation_id: 'asked-1',
      principal: 'web',
      reason: 'it was not signed by its consumer',
      facts: { outcome: 'unsigned', phase: 'drain', version: 7 },
    },
  ]);
  expect(await post(place, proving(nonce))).toEqual(received);
});

test('a replay is turned away, audited and counted', async () => {
  const place = await serving();
  const nonce = await place.issued();
  await post(place, proving(nonce));

  expect(await post(place, proving(nonce))).toEqual(refusedWith(409, /answered before/));
  expect(await post(place, { nonce, instance: 'web-2', refused: 'no' })).toMatchObject({ status: 409 });

  expect(await waiting(place)).toHaveLength(1);
  expect(await place.counted()).toEqual({ replayed: 2 });
  expect(await place.audited()).toMatchObject([{ principal: 'web', facts: { outcome: 'replayed' } }]);
});

test("a nonce that is too old by the database's clock is turned away, audited and counted", async () => {
  const place = await serving();
  const nonce = await place.issued();
  await place.age(61);

  expect(await post(place, proving(nonce))).toEqual(refusedWith(410, /too old.*within 60 s/));

  expect(await waiting(place)).toEqual([]);
  expect(await place.counted()).toEqual({ expired: 1 });
  expect(await place.audited()).toMatchObject([{ facts: { outcome: 'expired' } }]);
});

test('a nonce that nobody issued, and one of a consumer that is declared no more, are answered alike and not kept', async () => {
  const place = await serving();
  const nonce = await place.issued('job');
  place.declared.delete('job');

  const unknown = await post(place, proving(freshNonce()), jobKey);
  const gone = await post(place, proving(nonce), jobKey);

  expect(unknown).toEqual(refusedWith(404, /nobody was asked/));
  expect(gone).toEqual(unknown);
  expect(place.seen.unknown).toBe(2);
  expect(await place.counted()).toEqual({});
  expect(await place.audited()).toEqual([]);
});

const nonce = freshNonce();

test.each<[string, string | object, RegExp]>([
  ['that is no JSON', '{', /no JSON object: send nonce, instance, and proof or refused/],
  ['that is nothing', '', /no JSON object/],
  ['that is a list', [], /no JSON object/],
  ['that is null', 'null', /no JSON object/],
  ['without a nonce', { instance: 'a', proof }, /^nonce .*: send the one of the challenge/],
  ['with a nonce that is none', { nonce: 'x; DROP', instance: 'a', proof }, /^nonce /],
  ['without an instance', { nonce, proof }, /^instance .*: use letters/],
  ['with an instance that is no name', { nonce, instance: 'web 1\n', proof }, /^instance /],
  ['with an endless instance', { nonce, instance: 'x'.repeat(129), proof }, /^instance /],
  [
    'with a password for a proof',
    { nonce, instance: 'a', proof: 'planted-password' },
    /^proof .*: send the 43 characters/,
  ],
  ['with neither proof nor refused', { nonce, instance: 'a' }, /^proof or refused: send one/],
  ['with both', { nonce, instance: 'a', proof, refused: 'no' }, /^proof or refused: send one/],
  ['with an empty reason', { nonce, instance: 'a', refused: '' }, /^refused .*: say why/],
  ['with an endless reason', { nonce, instance: 'a', refused: 'x'.repeat(4_097) }, /^refused /],
  ['with something more', { nonce, instance: 'a', proof, value: 'planted-password' }, /and nothing else$/],
])('a body %s is told what to send, and nothing of it is repeated', async (_, body, error) => {
  const answer = await send(await servingWithout(), body, {});

  expect(answer).toEqual(refusedWith(400, error));
  expect(JSON.stringify(answer)).not.toMatch(/planted|DROP/);
});

test('a body that is too long is not read', async () => {
  expect(await send(await servingWithout(), 'x'.repeat(8_193), {})).toEqual({
    status: 413,
    body: { error: 'the body is longer than 8192 bytes' },
  });
});

test('while the database is away an ack is to be sent again, and only the code is told', async () => {
  const place = await servingWithout();

  const answer = await post(place, proving(nonce));

  expect(answer).toEqual(refusedWith(503, /send it again/));
  expect(place.seen.trouble).toEqual(['STATE_UNAVAILABLE']);
});

test('while the key of a consumer cannot be read its ack is to be sent again', async () => {
  const place = await serving({ verify: async () => Promise.reject(new Error('planted-password')) });

  expect(await post(place, proving(await place.issued()))).toEqual(refusedWith(503, /send it again/));
  expect(place.seen.trouble).toEqual(['UNKNOWN']);
});

test('nothing else is served', async () => {
  const { server } = await servingWithout();

  for (const [method, path] of [
    ['GET', '/v1/acks'],
    ['POST', '/v1/ack'],
    ['GET', '/'],
  ] as const) {
    const answer = await fetch(`${server.url}${path}`, { method });
    expect([path, answer.status, await answer.json()]).toEqual([path, 404, { error: 'not found' }]);
  }
});

test('it listens on loopback alone unless told otherwise, and a port that is taken is told by name', async () => {
  const { server, ...place } = await serving();
  const { hostname, port } = new URL(server.url);

  expect(hostname).toBe('127.0.0.1');
  await expect(serve(place.acks, { port: Number(port) })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
});
