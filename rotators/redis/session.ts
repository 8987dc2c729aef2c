import { type Secret, openSecret } from 'keyturn/rotator';
import { Redis } from 'ioredis';
import { type Endpoint, needsTls } from './config.js';

/** One logged-in session. */
export interface Session {
  /** Sends one command. *Errors*: what the server or the line says; at the abort of the signal, its reason. */
  readonly call: (command: string, ...words: readonly string[]) => Promise<unknown>;
  /** Says goodbye, and returns when the server no longer counts the session. *Repeat*: harmless. */
  readonly end: () => Promise<void>;
  /** Cuts the line at once. *Repeat*: harmless. */
  readonly destroy: () => void;
}

/** How to log in. */
export interface Login {
  readonly endpoint: Endpoint;
  readonly username: string;
  readonly password: Secret;
}

/**
 * Opens a session that lives until the signal is aborted at the latest. There is no fallback: where TLS is asked for, a
 * server without it, or with a certificate that does not prove its name, is an error before any credential is sent.
 *
 * The driver is not told the credential, because it would keep it for a reconnect; the password is sent as bytes.
 */
export async function openSession(
  { endpoint, username, password }: Login,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Session> {
  signal.throwIfAborted();
  const client = new Redis({
    host: endpoint.host,
    port: endpoint.port,
    ...(needsTls(endpoint) ? { tls: { ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }) } } : {}),
    connectTimeout: timeoutMs,
    keepAlive: 10_000,
    lazyConnect: true,
    // HELLO and INFO may be forbidden to who logs in, and nothing is sent before AUTH.
    protocol: 2,
    enableReadyCheck: false,
    disableClientInfo: true,
    // A line that is lost stays lost, and what was asked on it fails.
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    disconnectTimeout: 100,
  });
  // What the line says is told by this event only; the promise says that the connection is closed.
  let heard: unknown;
  client.on('error', (error: unknown) => {
    heard ??= error;
  });
  const destroy = (): void => client.disconnect();
  const untilAborted = async <T>(work: Promise<T>): Promise<T> => {
    const { promise, reject } = withReject();
    const abort = (): void => {
      destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted) abort();
      return await Promise.race([work, promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  };
  const send = async (command: string, words: readonly (string | Buffer)[]): Promise<unknown> =>
    untilAborted(client.call(command, ...words));
  const bytes = Buffer.from(openSecret(password));
  try {
    await untilAborted(client.connect());
    await send('AUTH', [username, bytes]);
  } catch (error) {
    destroy();
    throw signal.aborted ? error : (heard ?? error);
  } finally {
    bytes.fill(0);
  }
  return {
    call: async (command, ...words) => send(command, words),
    end: async () => {
      await send('QUIT', []).catch(() => {});
      destroy();
    },
    destroy,
  };
}

function withReject(): { readonly promise: Promise<never>; readonly reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise;
  });
  promise.catch(() => {});
  return { promise, reject };
}
