import { type RotatorContext, type Secret, keyturnError, openSecret } from 'keyturn/rotator';
import { type Endpoint, needsTls } from './config.js';

/** One row, by column. */
export type Row = Readonly<Record<string, unknown>>;

/** One logged-in session. */
export interface Session {
  /** Runs one statement; `?` stand for the values. *Returns* no rows where it answers none. */
  readonly query: (text: string, values?: readonly string[]) => Promise<readonly Row[]>;
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
  readonly database: string | undefined;
}

/** The slice of the driver's connection we use. */
interface Line {
  readonly config: object;
  connect(done: (error: Error | null) => void): void;
  query(text: string, values: readonly string[], done: (error: Error | null, answer: unknown) => void): unknown;
  end(done: () => void): void;
  destroy(): void;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

interface Driver {
  readonly createConnection: (options: object) => Line;
}

const loadMysql2 = async (): Promise<unknown> => import('mysql2');

/**
 * Loads the driver when it is first needed: whoever rotates nothing on MariaDB need not install it.
 *
 * *Errors* `PREFLIGHT_FAILED` before anything was changed, later `STEP_FAILED`: another worker may have it.
 */
export async function loadDriver(
  { step, secret }: Pick<RotatorContext, 'step' | 'secret'>,
  load: () => Promise<unknown> = loadMysql2,
): Promise<Driver> {
  try {
    return (await load()) as Driver; // The slice of its types that we use.
  } catch {
    const name = 'the package mysql2 is not installed';
    if (step !== 'preflight') throw keyturnError('STEP_FAILED', { step, name });
    throw keyturnError('PREFLIGHT_FAILED', { secret, finding: name, cure: 'npm install mysql2@3' });
  }
}

/**
 * Opens a session that lives until the signal is aborted at the latest. There is no fallback: where TLS is asked for, a
 * server without it, or with a certificate that does not prove its name, is an error before any credential is sent.
 *
 * The password is a string from here until the login is over.
 */
export async function openSession(
  { endpoint, username, password, database }: Login,
  ctx: Pick<RotatorContext, 'step' | 'secret'>,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Session> {
  const driver = await loadDriver(ctx);
  signal.throwIfAborted();
  const line = driver.createConnection({
    host: endpoint.host,
    port: endpoint.port,
    user: username,
    password: new TextDecoder().decode(openSecret(password)),
    ...(database === undefined ? {} : { database }),
    ...(needsTls(endpoint)
      ? {
          // The driver checks the name only where it is told to.
          ssl: {
            rejectUnauthorized: true,
            verifyIdentity: true,
            ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
          },
        }
      : {}),
    connectTimeout: timeoutMs,
    // The server may not ask for a file of ours.
    flags: ['-LOCAL_FILES'],
  });
  // Between statements nobody else listens, and an unheard 'error' would end the process.
  line.on('error', () => {});
  const untilAborted = async <T>(work: (done: (error: Error | null, answer: T) => void) => void): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const abort = (): void => {
        line.destroy();
        reject(signal.reason as Error); // Sorted by whoever asked.
      };
      const settle = (error: Error | null | undefined, answer: T): void => {
        signal.removeEventListener('abort', abort);
        // A null stands for "no error".
        if (error === null || error === undefined) resolve(answer);
        else reject(error);
      };
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      else work(settle);
    });
  try {
    await untilAborted<void>((done) => line.connect((error) => done(error)));
  } catch (error) {
    line.destroy();
    throw error;
  } finally {
    forgetPassword(line);
  }
  return {
    query: async (text, values = []) => {
      const answer = await untilAborted<unknown>((done) => line.query(text, values, done));
      return Array.isArray(answer) ? (answer as readonly Row[]) : [];
    },
    end: async () => untilAborted<void>((done) => line.end(() => done(null))).catch(() => line.destroy()),
    destroy: () => line.destroy(),
  };
}

/** The driver would keep it for a change of user. */
function forgetPassword({ config }: Line): void {
  if ('password' in config) config.password = undefined;
}
