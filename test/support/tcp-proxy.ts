import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/**
 * What the proxy does to connections, open and new ones:
 * - `pass`: carries bytes both ways;
 * - `refuse`: nobody listens on the port; open connections end with a reset;
 * - `reset`: connections are accepted and reset at once;
 * - `delay`: carries bytes, each piece `delayMs` later, in order;
 * - `blackHole`: accepts and reads, never passes on or answers anything; a connection that lost bytes stays so;
 * - `cutAfterRequest`: passes a request on, waits until the server has answered it, drops the answer and resets: the
 *   effect has happened and the client cannot know. `match` picks the request by its bytes; default: any.
 */
export type ProxyMode =
  | { readonly kind: 'pass' | 'refuse' | 'reset' | 'blackHole' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'cutAfterRequest'; readonly match?: RegExp };

/** A TCP proxy on 127.0.0.1 whose network can be made bad. */
export interface TcpProxy {
  /** Stays the same through all modes. */
  readonly port: number;
  /** How many answers were dropped in the mode `cutAfterRequest`. */
  readonly cuts: number;
  /** How many connections were accepted. */
  readonly accepted: number;
  /** How many bytes the mode `blackHole` has read, of both sides. */
  readonly swallowedBytes: number;
  /** The same address, led through the proxy. */
  readonly url: (target: string) => string;
  /** Settles once the new mode is in force. */
  readonly setMode: (mode: ProxyMode) => Promise<void>;
  /** Resets all connections and frees the port. *Repeat*: harmless. */
  readonly stop: () => Promise<void>;
}

/** Starts a proxy in the mode `pass`. */
export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  let mode: ProxyMode = { kind: 'pass' };
  let cuts = 0;
  let accepted = 0;
  let swallowedBytes = 0;
  const open = new Set<Socket>();

  const accept = (client: Socket): void => {
    accepted += 1;
    open.add(client);
    client.on('close', () => open.delete(client)).on('error', () => {});
    if (mode.kind === 'reset') return void client.resetAndDestroy();
    const server = connect(target);
    open.add(server);
    server.on('close', () => open.delete(server)).on('error', () => {});
    // Later, as its last bytes are: after a delay they must still find the other side open.
    client.on('close', () => later(() => server.end()));
    server.on('close', () => later(() => client.end()));
    let isCut = false;
    let isSwallowed = false;
    const carry = (chunk: Buffer, to: Socket): void => {
      // A stream with a hole in it stays broken, whatever the mode is now.
      isSwallowed ||= mode.kind === 'blackHole';
      if (isSwallowed) {
        swallowedBytes += chunk.length;
      } else if (to === client && isCut) {
        cuts += 1;
        client.resetAndDestroy();
      } else {
        if (to === server && mode.kind === 'cutAfterRequest') {
          isCut ||= mode.match?.test(chunk.toString('latin1')) ?? true;
        }
        later(() => to.writable && to.write(chunk));
      }
    };
    client.on('data', (chunk) => carry(chunk, server));
    server.on('data', (chunk) => carry(chunk, client));
  };
  const later = (act: () => unknown): void => {
    if (mode.kind === 'delay') setTimeout(act, mode.delayMs);
    else act();
  };

  let listener: Server | undefined = await listen(0, accept);
  const { port } = listener.address() as { port: number };
  const resetAll = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  const close = async (): Promise<void> => {
    const closing = listener;
    listener = undefined;
    resetAll();
    await new Promise<void>((resolve) => (closing === undefined ? resolve() : closing.close(() => resolve())));
  };

  return {
    port,
    get cuts() {
      return cuts;
    },
    get accepted() {
      return accepted;
    },
    get swallowedBytes() {
      return swallowedBytes;
    },
    url: (address) => {
      const changed = new URL(address);
      changed.host = `127.0.0.1:${port}`;
      return changed.href;
    },
    setMode: async (next) => {
      mode = next;
      if (next.kind === 'refuse') return close();
      if (next.kind === 'reset') resetAll();
      listener ??= await listen(port, accept);
    },
    stop: close,
  };
}

async function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, accept);
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
