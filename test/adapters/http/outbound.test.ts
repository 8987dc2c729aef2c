import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { outbound, refusalOf } from '../../../src/adapters/http/outbound.js';
import { cert, key } from '../../support/localhost-certificate.js';
import { receiver, status } from './receiver.js';

const posting = (url: string) => ({ url, headers: {}, body: '{}', timeoutMs: 5_000 });
const notPublic = 'its address is not public';
// Set apart for documents (RFC 5737): public by its number, and nobody has it.
const documented = '192.0.2.1';

/** A name server that answers every name with these. */
const answering =
  (...addresses: readonly string[]): LookupFunction =>
  (_name, _options, callback) => {
    callback(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    );
  };

test('nothing connects to a host that is not on the list of its environment, however it is written', async () => {
  const server = await receiver(status(204));
  const listed = {
    allowPrivate: true,
    allowHosts: ['receiver.example', '*.internal.example'],
    lookup: answering('127.0.0.1'),
  };
  const unlisted = [
    'other.example',
    'receiver.example.evil.test',
    'internal.example',
    '127.0.0.1',
    'receiver.example@127.0.0.1',
  ];
  for (const host of unlisted) {
    const url = `http://${host}:${server.port}/hook`;
    expect(await outbound(listed)(posting(url))).toEqual({
      kind: 'unreachable',
      reason: 'its host is not one of allowHosts',
    });
    expect(await refusalOf(url, listed)).toBe('its host is not one of allowHosts');
  }
  expect(server.connections()).toBe(0);

  for (const host of ['receiver.example', 'RECEIVER.example.', 'a.internal.example'])
    expect(await outbound(listed)(posting(`http://${host}:${server.port}/hook`))).toMatchObject({ status: 204 });
});

describe('unless private addresses are allowed', () => {
  test.each([
    ['first', ['127.0.0.1', documented]],
    ['last', [documented, '127.0.0.1']],
    ['alone', ['127.0.0.1']],
  ])('nothing connects to a name whose inner address comes %s', async (_, addresses) => {
    const server = await receiver(status(204));
    const lookup = answering(...addresses);
    const url = `https://receiver.example:${server.port}/hook`;

    expect(await outbound({ lookup })(posting(url))).toEqual({ kind: 'unreachable', reason: notPublic });
    expect(server.connections()).toBe(0);
    expect(await refusalOf(url, { lookup })).toBe(notPublic);
  });

  test('an address is judged as it is, and not looked up', async () => {
    expect(await refusalOf('https://127.0.0.1', { lookup: answering(documented) })).toBe(notPublic);
    expect(await refusalOf('https://[::1]', { lookup: answering(documented) })).toBe(notPublic);
    expect(await refusalOf(`https://${documented}`, { lookup: answering('127.0.0.1') })).toBeUndefined();
  });

  test('a name with public addresses only is no reason to refuse', async () => {
    expect(await refusalOf('https://receiver.example', { lookup: answering(documented, '1.1.1.1') })).toBeUndefined();
  });

  test('nothing is sent where the other end is an inner address, whatever the lookup said', async () => {
    const { port, requests } = await trustedReceiver();
    const url = `https://receiver.example:${port}/hook`;

    const sent = await outbound({ lookup: changing(documented, '127.0.0.1') })(posting(url));

    expect(sent).toEqual({ kind: 'unreachable', reason: notPublic });
    expect(requests()).toBe(0);
    // It is there: whoever may speak to it does.
    const allowed = outbound({ allowPrivate: true, lookup: answering('127.0.0.1') });
    expect(await allowed(posting(url))).toMatchObject({ status: 204 });
  });
});

/** A lookup whose address is another one when it is read again: as the library reads it that connects. */
function changing(looked: string, connected: string): LookupFunction {
  return (_name, _options, callback) => {
    const addresses = [looked];
    const at = {
      get address() {
        return addresses.shift() ?? connected;
      },
      family: 4,
    };
    callback(null, [at]);
  };
}

/** An HTTPS server on loopback, while no certificate is asked to prove its name. */
async function trustedReceiver() {
  // Read by Node each time it connects. An authority of our own could be named only when the process starts.
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
  let requests = 0;
  const server = createServer({ key, cert }, (_request, response) => {
    requests += 1;
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { port: (server.address() as AddressInfo).port, requests: () => requests };
}
