import { type Socket, connect, createServer } from 'node:net';
import { TLSSocket, createSecureContext } from 'node:tls';

/** A PostgreSQL server's TLS, in front of one that has none. */
export interface TlsFront {
  readonly port: number;
  /** *Repeat*: harmless. */
  readonly stop: () => Promise<void>;
}

/** Answers SSLRequest with yes, takes the line over with this certificate, and carries the rest on in the clear. */
export async function startTlsFront(
  target: { readonly host: string; readonly port: number },
  identity: { readonly key: string; readonly cert: string },
): Promise<TlsFront> {
  const open = new Set<Socket>();
  const secureContext = createSecureContext(identity);
  const server = createServer((client) => {
    open.add(client);
    client.on('error', () => {}).on('close', () => open.delete(client));
    client.once('data', () => {
      client.write('S');
      const line = new TLSSocket(client, { isServer: true, secureContext });
      const behind = connect(target);
      line.on('error', () => behind.destroy()).on('close', () => behind.destroy());
      behind.on('error', () => line.destroy()).on('close', () => line.destroy());
      line.pipe(behind).pipe(line);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
