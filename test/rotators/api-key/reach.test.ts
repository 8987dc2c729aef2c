import { Secret } from 'keyturn/rotator';
import { describe, expect, test } from 'vitest';
import { cert, key } from '../../support/localhost-certificate.js';
import { type ScriptedProvider, faults } from '../../support/scripted-provider.js';
import { borrowProvider, ctxOf, requests } from './borrowed.js';

const proposal = { identity: 'keyturn-r1' };

describe('we are known', () => {
  test.each<[string, (provider: ScriptedProvider) => unknown]>([
    ['by a bearer token', ({ admin }) => ({ kind: 'bearer', token: Secret.fromText(admin.secret) })],
    [
      'by user and password',
      ({ admin }) => ({ kind: 'basic', username: admin.username, password: Secret.fromText(admin.secret) }),
    ],
    ['by a header', ({ admin }) => ({ kind: 'header', name: 'X-Admin', value: Secret.fromText(admin.secret) })],
    [
      'by a query that somebody has allowed',
      ({ admin }) => ({ kind: 'query', name: 'admin', value: Secret.fromText(admin.secret), allowSecretInUrl: true }),
    ],
    [
      'by OAuth client credentials',
      ({ url, admin }) => ({
        kind: 'oauth',
        tokenUrl: `${url}/token`,
        clientId: admin.username,
        clientSecret: Secret.fromText(admin.secret),
      }),
    ],
  ])('%s', async (_, authOf) => {
    const { provider, open } = await borrowProvider();
    const connection = open({ auth: authOf(provider) });

    const { identity, value } = await connection.create(proposal, ctxOf());

    expect(await connection.verify({ identity, value: value! }, ctxOf())).toMatchObject([{ answer: 'accepted' }]);
    // Who tries a key is known by the key alone.
    const trial = provider.seen.find(({ asked }) => asked === 'trial');
    expect(JSON.stringify(trial)).not.toContain(provider.admin.secret);
  });

  test.each([
    ['a bearer token', { kind: 'bearer', token: Secret.fromText('not-the-one-it-is') }],
    ['a password', { kind: 'basic', username: 'ops', password: Secret.fromText('not-the-one-it-is') }],
  ])('not by %s that is refused', async (_, auth) => {
    const { open } = await borrowProvider();

    await expect(open({ auth }).create(proposal, ctxOf())).rejects.toMatchObject({ code: 'ADMIN_REFUSED' });
  });
});

describe('an access token', () => {
  const oauth = ({ url, admin }: ScriptedProvider, secret = admin.secret) => ({
    kind: 'oauth',
    tokenUrl: `${url}/token`,
    clientId: admin.username,
    clientSecret: Secret.fromText(secret),
  });

  test('is asked for once, and again when it is refused', async () => {
    const { provider, open } = await borrowProvider();
    const connection = open({ auth: oauth(provider) });
    provider.behaviour.tokenUses = 3;

    for (let i = 0; i < 5; i += 1) await connection.list(ctxOf());

    expect(provider.count('token')).toBe(2);
    expect(provider.count('list')).toBe(6);
  });

  test('that is refused to us is told as such', async () => {
    const { provider, open } = await borrowProvider();

    await expect(open({ auth: oauth(provider, 'not-the-one') }).list(ctxOf())).rejects.toMatchObject({
      code: 'ADMIN_REFUSED',
    });
    expect(provider.count('list')).toBe(0);
  });

  test('that is not in the answer is told as such', async () => {
    const { provider, open } = await borrowProvider();
    provider.fail('token', faults.answer(200, { token: 'x' }));

    await expect(open({ auth: oauth(provider) }).list(ctxOf())).rejects.toMatchObject({
      code: 'ANSWER_UNREADABLE',
      facts: { request: 'the token request', finding: 'there is no access_token in its answer' },
    });
  });
});

describe('a provider with TLS', () => {
  test('that nobody vouches for is asked nothing', async () => {
    const { provider, connection } = await borrowProvider({}, { key, cert });

    await expect(connection.create(proposal, ctxOf())).rejects.toMatchObject({
      code: 'TARGET_CHANGED',
      facts: { finding: expect.stringMatching(/^it did not prove itself by TLS/) },
    });
    expect(provider.seen).toEqual([]);
  });

  test('whose authority is named is asked', async () => {
    const { provider, connection } = await borrowProvider({ ca: cert }, { key, cert });

    await connection.create(proposal, ctxOf());

    expect(provider.live()).toHaveLength(1);
  });

  test('whose certificate is for another name is asked nothing', async () => {
    const { provider, open } = await borrowProvider({ ca: cert }, { key, cert });
    const connection = open({ baseUrl: provider.url.replace('localhost', '127.0.0.1') });

    await expect(connection.create(proposal, ctxOf())).rejects.toMatchObject({ code: 'TARGET_CHANGED' });
    expect(provider.seen).toEqual([]);
  });
});

test('a repeated create has an idempotency key of its own where its spare is destroyed first', async () => {
  const { provider, open } = await borrowProvider({ idempotencyHeader: 'Idempotency-Key' });
  const connection = open();

  await connection.create(proposal, ctxOf());
  await connection.create(proposal, ctxOf('r1', { attempt: 2 }));

  const keys = provider.seen.filter(({ asked }) => asked === 'create').map(({ headers }) => headers['idempotency-key']);
  expect(keys).toEqual(['r1.1.1', 'r1.1.2']);
});

test('a repeated create has the same idempotency key where a spare cannot be found', async () => {
  const { list: _, ...listless } = requests;
  const { provider, open } = await borrowProvider({
    idempotencyHeader: 'Idempotency-Key',
    requests: listless,
    acceptOrphans: true,
  });
  const connection = open();

  await connection.create(proposal, ctxOf());
  await connection.create(proposal, ctxOf('r1', { attempt: 2 }));

  const keys = provider.seen.filter(({ asked }) => asked === 'create').map(({ headers }) => headers['idempotency-key']);
  expect(keys).toEqual(['r1', 'r1']);
});

test('a provider is known by its own identifier where its definition has one', async () => {
  const system = { method: 'GET', path: '/about', pointer: '/installation' };
  const { provider, open, connection } = await borrowProvider();

  expect(await connection.identify(ctxOf())).toEqual({ system: provider.url });
  expect(await open({ requests: { ...requests, system } }).identify(ctxOf())).toEqual({ system: 'scripted-1' });
});

// A worker keeps the connections of so many secrets and closes the one that was not asked for longest, asked or not.
test('a call that is under way when its connection is closed comes to its end', async () => {
  const { provider, connection } = await borrowProvider();
  const { identity } = await connection.create(proposal, ctxOf());
  const asked = new Promise<() => void>((resolve) => {
    provider.fail('list', (response, apply) => {
      resolve(() => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(apply())));
    });
  });
  const listed = connection.list(ctxOf());
  const answer = await asked;

  const closed = connection.close();
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  answer();

  expect(await listed).toEqual([{ identity, rotationId: 'r1', live: true }]);
  await closed;
});
