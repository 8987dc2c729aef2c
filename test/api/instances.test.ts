import { expect, onTestFinished, test } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { registerInstance } from 'keyturn/consumer';
import { refusalOf } from '../../src/adapters/http/outbound.js';
import { keyName, verifier } from '../../src/adapters/http/signing.js';
import { createPool } from '../../src/adapters/postgres/connection.js';
import { postgresInstanceRegister, postgresInstances } from '../../src/adapters/postgres/instances.js';
import { startAcksServer } from '../../src/api/acks.js';
import { Secret } from '../../src/core/secret.js';
import type { Scope } from '../../src/ports/step-ports.js';
import { freshKey } from '../adapters/http/receiver.js';
import { challengedState } from '../adapters/postgres/challenged.js';

const [webKey, otherKey] = [freshKey(), freshKey()];
const secret = 'prod:/asked';

/** A rotation that counts the instances of `web`. */
const counting = (scope: Scope): Scope => ({
  ...scope,
  plan: {
    ...scope.plan,
    consumers: [{ name: 'web', url: null, canary: false, required: true, cacheTtlMs: 0, instances: 'registered' }],
  },
});

/** The server. Of the consumers of `prod:/asked`, `web` has a key and `bare` none. */
async function serving(register = undefined as ReturnType<typeof postgresInstanceRegister> | undefined) {
  const state = await challengedState();
  const verify = verifier(
    new Map(['web', 'alone'].map((name) => [keyName(secret, name), Secret.fromText(webKey)] as const)),
  );
  const trouble: string[] = [];
  const server = await startAcksServer({
    port: 0,
    acks: state.acks,
    isDeclared: () => true,
    verify: async () => 'unsigned',
    onUnknown: () => {},
    onTrouble: (code) => trouble.push(code),
    instances: {
      register: register ?? postgresInstanceRegister(state.pool),
      isDeclared: (of) => of.secret === secret && ['web', 'bare', 'alone'].includes(of.consumer),
      isCounted: ({ consumer }) => consumer !== 'alone',
      verify: async (of, message) => verify(keyName(of.secret, of.consumer), message),
      refusalOf: async (_, url) => refusalOf(url),
    },
  });
  onTestFinished(server.close);
  const url = `${server.url}/v1/instances`;
  return { url, trouble, there: async () => postgresInstances(state.pool).registered(counting(state.scope)) };
}

async function post(url: string, body: object | string, { key = webKey, at = new Date() } = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = {
    'webhook-id': 'instance_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(key).sign('instance_1', at, text),
  };
  const answer = await fetch(url, { method: 'POST', body: text, headers });
  return { status: answer.status, body: await answer.json() };
}

const word = { secret, consumer: 'web', instance: 'web-1' };
const refused = (status: number, error: RegExp) => ({ status, body: { error: expect.stringMatching(error) } });

test('an instance that its consumer has signed for is there, and goes when it says so', async () => {
  const { url, there } = await serving();
  const address = 'https://203.0.114.9/keyturn';

  expect(await post(url, { ...word, url: address })).toEqual({ status: 202, body: { status: 'noted' } });
  expect(await there()).toEqual([{ consumer: 'web', instance: 'web-1', url: address, hasLeft: false }]);
  expect(await post(url, { ...word, leaves: true })).toMatchObject({ status: 202 });
  expect(await there()).toMatchObject([{ hasLeft: true }]);
});

test.each([
  ['another key', { ...word }, { key: otherKey }],
  ['a consumer without a key', { ...word, consumer: 'bare' }, {}],
  ['a consumer that nobody has declared', { ...word, consumer: 'nobody' }, {}],
  ['a secret that nobody has declared', { ...word, secret: 'prod:/nowhere' }, {}],
  ['a signature of ten minutes ago', { ...word }, { at: new Date(Date.now() - 600_000) }],
])('%s is not signed for, and answered alike', async (_, body, signed) => {
  const { url, there } = await serving();

  expect(await post(url, body, signed)).toEqual(refused(401, /^this is not signed by a consumer that is declared/));
  expect(await there()).toEqual([]);
});

test.each([
  [{ ...word, url: 'http://203.0.114.9/' }, /^url: its address is not https$/],
  [{ ...word, url: 'https://169.254.169.254/' }, /^url: its address is not public$/],
  [{ ...word, url: 'https://user:pass@web.internal/' }, /^url is no address/],
  [{ ...word, instance: 'two words' }, /^instance is no name/],
  [{ ...word, secret: '/asked' }, /^secret is none/],
  [{ ...word, leaves: false }, /^leaves is true, or is left out$/],
  [{ ...word, more: 1 }, /^send a JSON object of secret, consumer and instance/],
  ['no json', /^send a JSON object/],
])('what nobody could use is refused with its cure: %o', async (body, error) => {
  const { url, there } = await serving();

  expect(await post(url, body)).toEqual(refused(400, error));
  expect(await there()).toEqual([]);
});

test('the word of an instance that nobody counts is refused, with what to declare', async () => {
  const { url } = await serving();

  expect(await post(url, { ...word, consumer: 'alone' })).toEqual(refused(409, /declare instances: 'registered'/));
});

test('where the database is away it is said again', async () => {
  const pool = createPool('postgres://planted:planted-password@127.0.0.1:1/away');
  onTestFinished(async () => pool.end());
  const { url, trouble } = await serving(postgresInstanceRegister(pool));

  expect(await post(url, word)).toEqual(refused(503, /send it again/));
  expect(trouble).toEqual(['STATE_UNAVAILABLE']);
});

test('the library says that a process is there, and that it goes', async () => {
  const { url, there } = await serving();
  const failures: unknown[] = [];
  const registration = registerInstance({
    ...{ url, consumer: 'web', instance: 'web-7', environment: 'prod', secrets: ['/asked', '/nowhere'] },
    key: [otherKey, webKey],
    address: 'https://203.0.114.7/keyturn',
    onFailure: (failure) => failures.push(failure),
  });

  await registration.said;
  expect(await there()).toEqual([
    { consumer: 'web', instance: 'web-7', url: 'https://203.0.114.7/keyturn', hasLeft: false },
  ]);
  expect(failures).toEqual([{ secret: 'prod:/nowhere', status: 401 }]);

  await registration.close();
  await registration.close();
  expect(await there()).toMatchObject([{ hasLeft: true }]);
});

test('the library tells of a Keyturn that is not reached, and ends nothing', async () => {
  const failures: { readonly secret: string; readonly error?: unknown }[] = [];
  const registration = registerInstance({
    ...{ url: 'http://127.0.0.1:1/v1/instances', key: webKey, consumer: 'web', instance: 'web-7' },
    ...{ environment: 'prod', secrets: ['/asked'], onFailure: (failure) => failures.push(failure) },
  });

  await registration.said;
  expect(failures).toMatchObject([{ secret: 'prod:/asked', error: expect.any(Error) }]);
  await registration.close();
});
