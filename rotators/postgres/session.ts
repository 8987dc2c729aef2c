import { Socket } from 'node:net';
import { type Secret, openSecret } from 'keyturn/rotator';
import pg from 'pg';
import { type Endpoint, needsTls } from './config.js';

/** The slice of a result we read. */
export interface Result {
  readonly rows: readonly Record<string, unknown>[];
}

/** How to log in. */
export interface Login {
  readonly endpoint: Endpoint;
  readonly user: string;
  readonly password: Secret;
  readonly database: string;
  /** True for the admin: only names of `pg_catalog` are found, so that nobody plants a function in our way. */
  readonly onlyCatalog: boolean;
}

/** One logged-in session. */
export interface Session {
  /** False where the server let us in without asking: it proves nothing about the password. */
  readonly askedForPassword: boolean;
  /** True once the server or the network has ended it. */
  readonly isEnded: () => boolean;
  readonly query: (text: string, values?: readonly unknown[]) => Promise<Result>;
  /** Several statements in one message; the first that fails ends them. Each has a snapshot of its own. */
  readonly script: (text: string) => Promise<readonly Result[]>;
  /** Cuts the line at once; what waits for an answer fails. *Repeat*: harmless. */
  readonly destroy: () => void;
  /** Says goodbye. *Repeat*: harmless. */
  readonly end: () => Promise<void>;
}

/**
 * Opens a session. There is no fallback: where TLS is asked for, a server without it, or with a certificate that does
 * not prove its name, is an error before any credential is sent.
 *
 * The password is a string from the moment the server asks for it until the login is over.
 */
export async function openSession(login: Login, signal: AbortSignal, timeoutMs: number): Promise<Session> {
  signal.throwIfAborted();
  const { endpoint } = login;
  const socket = new Socket();
  let askedForPassword = false;
  let isEnded = false;
  const client = new pg.Client({
    host: endpoint.host,
    port: endpoint.port,
    user: login.user,
    database: login.database,
    password: () => {
      askedForPassword = true;
      return new TextDecoder().decode(openSecret(login.password));
    },
    // Written out, because the driver else looks for each in the environment.
    ssl: needsTls(endpoint)
      ? { rejectUnauthorized: true, ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }) }
      : false,
    options: login.onlyCatalog ? '-c search_path=pg_catalog' : undefined,
    application_name: 'keyturn',
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    stream: () => socket,
  });
  const destroy = (): void => {
    isEnded = true;
    socket.destroy();
  };
  // Between queries nobody else listens, and an unheard 'error' would end the process.
  client.on('error', destroy).on('end', destroy);
  await whileListening(signal, destroy, async () => client.connect()).catch((error: unknown) => {
    destroy();
    throw error;
  });
  forgetPassword(client);
  return {
    askedForPassword,
    isEnded: () => isEnded,
    query: async (text, values) => client.query(text, values === undefined ? [] : [...values]),
    script: async (text) => {
      // With several statements the driver answers one result for each, which its types do not say.
      const results = (await client.query(text)) as unknown as Result | readonly Result[];
      return Array.isArray(results) ? (results as readonly Result[]) : [results as Result];
    },
    destroy,
    end: async () => {
      if (isEnded) return;
      isEnded = true;
      await client.end().catch(destroy);
    },
  };
}

/** Calls `onAbort` if the signal is aborted before the work is done. */
export async function whileListening<T>(signal: AbortSignal, onAbort: () => void, work: () => Promise<T>): Promise<T> {
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    return await work();
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The driver keeps the answer of the password function for the life of the client, in two places. */
function forgetPassword(client: pg.Client): void {
  const holders = [client, 'connectionParameters' in client ? client.connectionParameters : undefined];
  for (const holder of holders) {
    if (typeof holder === 'object' && holder !== null && 'password' in holder) holder.password = null;
  }
}
