import pg from 'pg';
import { keyturnError } from '../../core/errors.js';
import { needsTls } from '../../core/needs-tls.js';
import { Secret } from '../../core/secret.js';

/** Where the queue lives. The password is a {@link Secret}, so no object made of this can print it. */
export type QueueServer = RedisServer | PostgresServer;

/** A Redis or a Valkey. */
export interface RedisServer {
  readonly kind: 'redis';
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly database: number;
  /** True for `rediss://`: the certificate is checked against the host. */
  readonly tls: boolean;
}

/** A PostgreSQL. The queue lives in a schema of its own, `bullmq`. */
export interface PostgresServer {
  readonly kind: 'postgres';
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: Secret | undefined;
  readonly database: string | undefined;
  /** False: in the clear. Otherwise certificate and name are verified, whatever `sslmode` asks for less. */
  readonly ssl: boolean | object;
}

/**
 * Takes a queue URL apart: `redis://`, `rediss://`, `postgres://` or `postgresql://`.
 *
 * *Errors* `SETTING_INVALID`, which names what is wrong and no part of the URL.
 */
export function parseQueueUrl(url: string): QueueServer {
  const scheme = /^([a-z]+):\/\//.exec(url)?.[1];
  switch (scheme) {
    case 'redis':
    case 'rediss':
      return parseRedis(url, scheme === 'rediss');
    case 'postgres':
    case 'postgresql':
      return parsePostgres(url);
    default:
      throw invalid('its scheme is none of redis, rediss, postgres');
  }
}

function parseRedis(url: string, tls: boolean): RedisServer {
  try {
    const { hostname, port, username, password, pathname } = new URL(url);
    const database = /^\/?(\d{0,5})$/.exec(pathname)?.[1];
    if (database === undefined) throw invalid('its database is not a number');
    return {
      kind: 'redis',
      host: hostname === '' ? '127.0.0.1' : hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? 6379 : Number(port),
      username: username === '' ? undefined : decodeURIComponent(username),
      password: password === '' ? undefined : Secret.fromText(decodeURIComponent(password)),
      database: Number(database),
      tls,
    };
  } catch (error) {
    throw rethrown(error);
  }
}

/** What the driver makes of a connection string; its types do not name `ssl` rightly. */
interface ParsedByDriver {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly password?: string | null;
  readonly database?: string;
  readonly ssl: boolean | object;
}

/**
 * The driver reads the string itself, all but `sslmode`: it goes without TLS where that is not written, and without
 * looking at the certificate where `no-verify` is. Files of authorities and of a certificate of ours are read by it.
 */
function parsePostgres(url: string): PostgresServer {
  try {
    const own = new URL(url);
    const mode = own.searchParams.get('sslmode');
    own.searchParams.delete('sslmode');
    // As whom to log in is told to us beside the URL.
    own.searchParams.delete('loginfile');
    // Never connected. A cast, because @types/pg calls `ssl` a boolean and it may be an object.
    const parsed = new pg.Client({ connectionString: own.href }) as ParsedByDriver;
    const { host, port, user, password, database, ssl } = parsed;
    const given = typeof ssl === 'object' ? ssl : {};
    return {
      kind: 'postgres',
      host,
      port,
      user,
      password: typeof password === 'string' ? Secret.fromText(password) : undefined,
      database,
      // Not a copy: the driver hides the key of a certificate from whoever enumerates.
      ssl: needsTls(host, mode) ? Object.assign(given, { rejectUnauthorized: true }) : false,
    };
  } catch (error) {
    throw rethrown(error);
  }
}

/** What a parser throws quotes the URL, so nothing of it is kept. */
function rethrown(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'SETTING_INVALID') return error;
  const isUnread = code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR';
  return invalid(isUnread ? 'a file that it names cannot be read' : 'it is not a URL');
}

function invalid(finding: string): Error {
  return keyturnError('SETTING_INVALID', {
    setting: 'KEYTURN_QUEUE_URL',
    finding,
    cure: 'Write redis://host:6379, rediss://host:6379 or postgres://user@host:5432/database, with special characters in the password percent-encoded.',
  });
}
