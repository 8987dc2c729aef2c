import { channel as channelNamed } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresParameters } from '../../src/adapters/postgres/store/parameters.js';
import { postgresStoreAccess } from '../../src/adapters/postgres/store/access.js';
import type { StoreAccess } from '../../src/ports/parameters.js';
import { type StoreServer, startStoreServer } from '../../src/ssm-server/server.js';
import { type ServedStore, servedStore } from './served-store.js';
import { sendRaw } from './signed.js';

let store: ServedStore;

beforeAll(async () => {
  store = await servedStore();
});

afterAll(() => store.close());

/** A second server of the same store. */
const serverWith = (change: Partial<Parameters<typeof startStoreServer>[0]>): Promise<StoreServer> =>
  startStoreServer({
    parameters: postgresParameters(store),
    access: postgresStoreAccess(store),
    address: '127.0.0.1',
    port: 0,
    tls: null,
    onError: () => {},
    ...change,
  });

async function opened(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

/** Resolves with the server's end of the connection of the next request. */
function nextConnection(): Promise<Socket> {
  const channel = channelNamed('http.server.request.start');
  return new Promise((resolve) => {
    const listener = (message: unknown): void => {
      channel.unsubscribe(listener);
      resolve((message as { readonly socket: Socket }).socket);
    };
    channel.subscribe(listener);
  });
}

describe('a server that closes', () => {
  it('does not wait for the rest of half a request', async () => {
    const server = await serverWith({ patienceMs: 50 });
    const socket = await opened(server.url);
    const ended = once(socket, 'close');
    socket.on('error', () => {});
    const begun = nextConnection();
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: 100\r\n\r\n{"half":');
    await begun;

    await server.close();
    await ended;
  });

  it('answers what is in work, on a connection that ends with it', async () => {
    const gate = new EventEmitter();
    const [asked, going] = [once(gate, 'asked'), once(gate, 'going')];
    const base = postgresStoreAccess(store);
    const find = async (keyId: string) => {
      gate.emit('asked');
      await going;
      return base.find(keyId);
    };
    // Longer than the test may take.
    const server = await serverWith({ patienceMs: 3_600_000, access: { ...base, find } });
    const key = await store.key();
    const connection = nextConnection();
    const answer = sendRaw(server.url, { key, action: 'GetParameter', body: '{"Name":"/nothing"}' });
    const socket = await connection;
    const ended = once(socket, 'close');
    await asked;
    const closed = server.close();
    gate.emit('going');

    expect(await answer).toMatchObject({ type: 'ParameterNotFound' });
    await ended;
    await closed;
  });
});

it('who hangs up before the answer is on record with the address he came from', async () => {
  const gate = new EventEmitter();
  const [asked, going] = [once(gate, 'asked'), once(gate, 'going')];
  const noted = once(gate, 'noted');
  const base = postgresStoreAccess(store);
  const access: StoreAccess = {
    find: async (keyId) => {
      gate.emit('asked');
      await going;
      return base.find(keyId);
    },
    note: (accesses) =>
      base.note(accesses).then(
        () => void gate.emit('noted'),
        (error: unknown) => void gate.emit('error', error),
      ),
  };
  const server = await serverWith({ access });
  const key = await store.key({ principal: 'hangs-up', grants: [] });
  const given = new AbortController();
  const connection = nextConnection();
  const body = '{"Name":"/nothing"}';
  const answer = sendRaw(server.url, { key, action: 'GetParameter', body, signal: given.signal });
  await asked;
  given.abort();
  await expect(answer).rejects.toThrow();
  const socket = await connection;
  if (!socket.destroyed) await once(socket, 'close');
  gate.emit('going');
  await noted;

  const { rows } = await store.pool.query(
    `SELECT source, parameter, outcome FROM keyturn.accesses WHERE principal = 'hangs-up'`,
  );
  expect(rows).toEqual([{ source: '127.0.0.1', parameter: 'test:/nothing', outcome: 'AccessDeniedException' }]);
  await server.close();
});
