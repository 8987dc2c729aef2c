import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A request as it came. */
export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The same with its first line. */
export interface Taken extends Received {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
}

/** A server of one test. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: Taken[];
  /** Connections so far. */
  readonly connections: () => number;
}

/** Starts an HTTP server on loopback; it is closed, with all its connections, when the test has finished. */
export async function receiver(answer: (received: Received, response: ServerResponse) => unknown): Promise<Receiver> {
  const received: Taken[] = [];
  let connections = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    const one = { method, url, headers: headers as Record<string, string>, body: await text(request) };
    received.push(one);
    await answer(one, response);
  };
  const server: Server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, port, received, connections: () => connections };
}

/** Answers with a status. */
export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}) =>
  (_: Received, response: ServerResponse): void => {
    response.writeHead(code, headers).end();
  };

/** A key as Standard Webhooks writes it. */
export const freshKey = (bytes = 32): string => `whsec_${randomBytes(bytes).toString('base64')}`;
