import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { isPublicAddress } from '../../../src/adapters/http/addresses.js';
import { keyName, signer } from '../../../src/adapters/http/signing.js';
import { type WebhookSenderOptions, webhookSender } from '../../../src/adapters/http/webhook-sender.js';
import { Secret } from '../../../src/core/secret.js';
import type { Delivery } from '../../../src/ports/operations.js';
import { freshKey, receiver, status } from './receiver.js';

const key = freshKey();

function sender(options: Partial<WebhookSenderOptions> = {}) {
  const keys = new Map([[keyName('prod', 'ops'), Secret.fromText(key)]]);
  return webhookSender({ keys, allowPrivate: true, ...options });
}

function delivery(url: string, changes: Partial<Delivery> = {}): Delivery {
  return {
    deliveryId: 'd1',
    environment: 'prod',
    endpoint: 'ops',
    url,
    webhookId: 'msg_1',
    body: '{"type":"rotation.completed","data":{"note":"naïve ✓"}}',
    asked: 0,
    attempt: 1,
    nowMs: Date.now(),
    ...changes,
  };
}

const failed = (code: number, retryAfterMs: number | null = null) => ({
  outcome: 'failed',
  status: code,
  reason: null,
  retryAfterMs,
});

const unsent = (reason: string) => ({ outcome: 'failed', status: null, reason, retryAfterMs: null });

test('the reference library verifies what was delivered, over retries too', async () => {
  const server = await receiver(status(204));
  const sent = delivery(server.url);

  expect(await sender().send(sent)).toEqual({ outcome: 'delivered', status: 204, reason: null, retryAfterMs: null });
  await sender().send({ ...sent, attempt: 2, nowMs: sent.nowMs + 61_000 });

  expect(server.received).toHaveLength(2);
  for (const { body, headers } of server.received) {
    expect(new Webhook(key).verify(body, headers)).toEqual(JSON.parse(sent.body));
    expect(body).toBe(sent.body);
    expect(headers['webhook-id']).toBe('msg_1');
  }
  expect(server.received.map(({ headers }) => Number(headers['webhook-timestamp']))).toEqual([
    Math.floor(sent.nowMs / 1000),
    Math.floor((sent.nowMs + 61_000) / 1000),
  ]);
});

test('the reference library verifies any body under any key of 24 to 64 bytes', async () => {
  const keyAndNote = [fc.uint8Array({ minLength: 24, maxLength: 64 }), fc.string({ unit: 'grapheme' })] as const;
  await fc.assert(
    fc.asyncProperty(...keyAndNote, async (bytes, note) => {
      const written = `whsec_${Buffer.from(bytes).toString('base64')}`;
      const body = JSON.stringify({ note });
      const sign = signer(new Map([['a', Secret.fromText(written)]]));
      const headers = await sign('a', { id: 'msg_1', atMs: Date.now(), body });

      expect(new Webhook(written).verify(body, { ...headers })).toEqual({ note });
    }),
    { numRuns: 300 },
  );
});

test('a delivery signed with another key does not verify', async () => {
  const server = await receiver(status(204));
  await sender().send(delivery(server.url));
  const [{ body, headers }] = server.received as [(typeof server.received)[0]];

  expect(() => new Webhook(freshKey()).verify(body, headers)).toThrow('No matching signature');
  expect(() => new Webhook(key).verify(`${body} `, headers)).toThrow('No matching signature');
});

test.each([200, 201, 202, 204])('an answer of %i is delivered', async (code) => {
  const server = await receiver(status(code));

  expect(await sender().send(delivery(server.url))).toEqual({
    outcome: 'delivered',
    status: code,
    reason: null,
    retryAfterMs: null,
  });
});

test.each([304, 400, 401, 403, 404, 409, 429, 500, 502, 503])('an answer of %i has failed', async (code) => {
  const server = await receiver(status(code));

  expect(await sender().send(delivery(server.url))).toEqual(failed(code));
});

test.each([301, 302, 303, 307, 308])('a redirect by %i is not followed', async (code) => {
  const elsewhere = await receiver(status(204));
  const server = await receiver(status(code, { location: elsewhere.url }));

  expect(await sender().send(delivery(server.url))).toEqual(failed(code));
  expect(elsewhere.connections()).toBe(0);
});

test('an endpoint that answers 410 is gone', async () => {
  const server = await receiver(status(410, { 'retry-after': '60' }));

  expect(await sender().send(delivery(server.url))).toEqual({
    outcome: 'gone',
    status: 410,
    reason: null,
    retryAfterMs: null,
  });
});

test.each([
  ['120', 120_000],
  ['0', 0],
  ['Mon, 23 Nov 2026 12:00:30 GMT', 30_000],
  ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
  ['soon', null],
  ['-5', null],
  ['1e9', null],
])('Retry-After `%s` asks for %s ms', async (header, retryAfterMs) => {
  const server = await receiver(status(503, { 'retry-after': header }));
  const nowMs = Date.parse('2026-11-23T12:00:00Z');

  expect(await sender().send(delivery(server.url, { nowMs }))).toEqual(failed(503, retryAfterMs));
});

test('an endpoint that does not answer is given up', async () => {
  const server = await receiver(() => undefined);

  expect(await sender({ timeoutMs: 100 }).send(delivery(server.url))).toEqual(unsent('no answer within 100 ms'));
});

test('an answer whose body never ends counts by its status', async () => {
  const server = await receiver((_, response) => response.writeHead(200).write('…'));

  // The status must have come by then, on a machine that does other things as well.
  expect(await sender({ timeoutMs: 3_000 }).send(delivery(server.url))).toMatchObject({ outcome: 'delivered' });
});

test('an endless answer is cut off after its beginning', async () => {
  let closed: Promise<unknown> | undefined;
  const server = await receiver((_, response) => {
    closed = once(response, 'close');
    response.writeHead(200);
    const flood = (): void => {
      while (response.write(randomBytes(16_384)));
    };
    response.on('drain', flood);
    flood();
  });

  expect(await sender().send(delivery(server.url))).toMatchObject({ outcome: 'delivered', status: 200 });
  await closed;
});

test('an endpoint that hangs up or is not there has failed', async () => {
  const server = await receiver((_, response) => response.destroy());

  expect(await sender().send(delivery(server.url))).toEqual(unsent('UND_ERR_SOCKET'));
  expect(await sender().send(delivery('http://127.0.0.1:1/hook'))).toEqual(unsent('ECONNREFUSED'));
  expect(await sender().send(delivery('http://no-such-host.invalid/hook'))).toMatchObject({ status: null });
  expect(await sender().send(delivery('no address at all'))).toEqual(unsent('ERR_INVALID_URL'));
});

test('each delivery has a connection of its own', async () => {
  const server = await receiver(status(204));
  const one = sender();

  await one.send(delivery(server.url));
  await one.send(delivery(server.url));

  expect(server.connections()).toBe(2);
});

test.each([
  ['another endpoint', { endpoint: 'other' }],
  ['the same name in another environment', { environment: 'test' }],
])('%s is not sent anything without a key of its own', async (_, changes) => {
  const server = await receiver(status(204));

  expect(await sender().send(delivery(server.url, changes))).toEqual(unsent('it has no key'));
  expect(server.connections()).toBe(0);
});

test.each([
  ['without its prefix', randomBytes(32).toString('base64')],
  ['that is short', freshKey(23)],
  ['that is long', freshKey(65)],
  ['that is empty', 'whsec_'],
  ['in another alphabet', `whsec_${randomBytes(32).toString('hex')}-_`],
  ['with a line end', `${freshKey()}\n`],
])('a key %s is refused without quoting it', (_, written) => {
  const build = () => sender({ keys: new Map([['prod:ops', Secret.fromText(written)]]) });

  expect(build).toThrow(expect.objectContaining({ code: 'SETTING_INVALID' }));
  expect(build).not.toThrow(written.replace('whsec_', '').trim().slice(0, 12) || 'nothing to quote');
});

describe('unless private addresses are allowed', () => {
  test.each([
    '127.0.0.1',
    'localhost',
    '2130706433',
    '0x7f.1',
    '127.1',
    '017700000001',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
  ])('nothing connects to %s', async (host) => {
    const server = await receiver(status(204));

    const sent = await sender({ allowPrivate: false }).send(delivery(`https://${host}:${server.port}/hook`));

    expect(sent).toEqual(unsent('its address is not public'));
    expect(server.connections()).toBe(0);
  });

  test('plain HTTP is not spoken', async () => {
    const server = await receiver(status(204));

    expect(await sender({ allowPrivate: false }).send(delivery(server.url))).toEqual(
      unsent('its address is not https'),
    );
    expect(server.connections()).toBe(0);
  });
});

test.each([
  ...['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.1.2.3'],
  ...['127.255.255.255', '198.18.0.1', '224.0.0.1', '255.255.255.255', '192.0.0.192'],
  ...['fe80::1', 'fd00::1', 'fc00::1', 'ff02::1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:7f00:1::', '2001::1'],
  ...['', 'example.com'],
])('%s is not a public address', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '223.255.255.254', '2606:4700::1111', '2a00:1450::1'])(
  '%s is a public address',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);
