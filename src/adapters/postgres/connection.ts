import { readFileSync } from 'node:fs';
import pg from 'pg';
import { keyturnError } from '../../core/errors.js';
import { needsTls } from '../../core/needs-tls.js';
import { openSecret } from '../../core/secret.js';
import type { LoginSource } from '../../ports/login.js';
import { loginFile } from './login-file.js';

/** How many sessions a pool may open. */
const DEFAULT_SESSIONS = 10;

/** How long a session may go on as whom it was opened, where that can be rotated. Seconds. */
const LOGIN_LIFE_SECONDS = 60;

/**
 * Opens a pool on a connection string: `postgres://user:password@host:5432/database`.
 *
 * TLS is `verify-full` for anything but loopback and Unix sockets, and a weaker `sslmode` is raised to it; only a
 * written `sslmode=disable` turns it off. `sslrootcert` names a file of authorities. `loginfile` names a file that says as
 * whom each session is opened, in place of user and password: what it says may change at any time.
 * *Errors* `SETTING_INVALID` for a string that is none, or that cannot be used.
 */
export function createPool(url: string, { sessions = DEFAULT_SESSIONS }: { readonly sessions?: number } = {}): pg.Pool {
  const login = loginOf(url);
  const renewed = login === undefined ? {} : { Client: loggingIn(login), maxLifetimeSeconds: LOGIN_LIFE_SECONDS };
  const pool = new pg.Pool({ ...connectionFields(url), max: sessions, ...renewed });
  // Without a listener an idle session that the server ends would end the process. The next statement opens another.
  pool.on('error', () => undefined);
  return pool;
}

/** Where a connection string says by `loginfile` as whom to log in; undefined where it says so itself. */
export function loginOf(url: string): LoginSource | undefined {
  const file = loginFileOf(url);
  return file === undefined ? undefined : loginFile(file);
}

/** The file that a connection string names by `loginfile`. */
export function loginFileOf(url: string): string | undefined {
  return URL.canParse(url) ? (new URL(url).searchParams.get('loginfile') ?? undefined) : undefined;
}

/** A client that asks as whom to log in when it is made, which a pool does for every session. */
function loggingIn(login: LoginSource): typeof pg.Client {
  return class extends pg.Client {
    constructor(config: pg.ClientConfig) {
      super({ ...config, ...asClientFields(login) });
    }
  };
}

/** The password is a function, so that no print of the fields shows it. */
function asClientFields(login: LoginSource): Pick<pg.ClientConfig, 'user' | 'password'> {
  const { user, password } = login.current();
  // The driver takes text only.
  return { user, password: () => Buffer.from(openSecret(password)).toString('utf8') };
}

/**
 * The fields of a connection string. A client built from the string itself prints its password when it is inspected;
 * one built from fields does not.
 */
export function connectionFields(url: string): pg.ClientConfig {
  const parsed = parse(url);
  const socket = parsed.searchParams.get('host');
  const host = socket ?? decodeURIComponent(parsed.hostname);
  const login = loginOf(url);
  if (login !== undefined && parsed.username !== '') {
    throw invalid('it names a user and a loginfile', 'Leave one of the two away.');
  }
  return {
    host: host.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? 5432 : Number(parsed.port),
    ...(parsed.username === '' ? {} : { user: decodeURIComponent(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decodeURIComponent(parsed.password) }),
    ...(login === undefined ? {} : asClientFields(login)),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    ssl: tlsOf(host, parsed.searchParams),
    application_name: 'keyturn',
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    // The server's answer to a statement that timed out has 5 s to arrive; then the outcome is unknown.
    query_timeout: 35_000,
    idle_in_transaction_session_timeout: 10_000,
  };
}

function parse(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['postgres:', 'postgresql:'].includes(parsed.protocol)) {
    throw invalid('it is no postgres:// address', 'Set it to postgres://user@host:5432/database.');
  }
  if (![parsed.username, parsed.password, parsed.hostname, parsed.pathname].every(isEncoded)) {
    throw invalid('it is not percent-encoded', 'Write %25 for a % in the password.');
  }
  return parsed;
}

function isEncoded(part: string): boolean {
  try {
    return decodeURIComponent(part).length >= 0;
  } catch {
    return false;
  }
}

function tlsOf(host: string, parameters: URLSearchParams): pg.ClientConfig['ssl'] {
  if (!needsTls(host, parameters.get('sslmode'))) return false;
  const authorities = parameters.get('sslrootcert');
  return { rejectUnauthorized: true, ...(authorities === null ? {} : { ca: readAuthorities(authorities) }) };
}

function readAuthorities(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw invalid('the file in sslrootcert cannot be read', 'Name a file of certificates in PEM.');
  }
}

function invalid(finding: string, cure: string): Error {
  return keyturnError('SETTING_INVALID', { setting: 'KEYTURN_DATABASE_URL', finding, cure });
}
