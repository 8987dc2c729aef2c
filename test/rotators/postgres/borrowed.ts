import { randomBytes } from 'node:crypto';
import type { Connection, RotatorContext, Secret } from 'keyturn/rotator';
import { Secret as SecretValue, openSecret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { PostgresConfig } from '../../../rotators/postgres/config.js';
import { scramVerifier } from '../../../rotators/postgres/scram.js';
import { sharedPostgres } from '../../support/postgres.js';
import { askSuperuser } from '../../support/superuser.js';
import { isLong, isOnlyLong } from '../../support/length.js';

/** Where a test works, and as whom. */
export interface Setting {
  readonly major: 15 | 18;
  readonly admin: 'superuser' | 'CREATEROLE';
}

/** Every server and kind of admin the rotator promises to work with. */
export const settings: readonly Setting[] = [
  ...(isOnlyLong
    ? []
    : ([
        { major: 18, admin: 'superuser' },
        { major: 15, admin: 'CREATEROLE' },
      ] as const)),
  // Each version and each admin is there by now; that they go together otherwise is for `npm run test:all`.
  ...(isLong
    ? ([
        { major: 18, admin: 'CREATEROLE' },
        { major: 15, admin: 'superuser' },
      ] as const)
    : []),
];

/** What one test owns at a target: roles and a database of its own, gone when it has finished. */
export interface Borrowed {
  readonly name: string;
  readonly owner: string;
  readonly logins: readonly [string, string];
  readonly secret: string;
  readonly config: PostgresConfig;
  readonly connection: Connection;
  readonly logFile: string | undefined;
  /** The superuser's connection string. */
  readonly url: (database?: string) => string;
  /** Another rotator for the same secret, closed when the test has finished. */
  readonly open: (change?: Readonly<Record<string, unknown>>) => Connection;
  readonly configure: (change?: Readonly<Record<string, unknown>>) => PostgresConfig;
  /** Runs SQL as superuser, in the test's database or in `postgres`. */
  readonly sql: (
    text: string,
    values?: readonly unknown[],
    database?: 'postgres',
  ) => Promise<readonly Record<string, unknown>[]>;
  /** Logs in as a consumer would. Ended when the test has finished. */
  readonly logIn: (identity: string, value: Secret | string) => Promise<pg.Client>;
  /** What a call is told. The epoch is 1 and nothing is known unless the test says so. */
  readonly ctx: (rotationId: string, change?: Partial<RotatorContext> & { readonly epoch?: number }) => RotatorContext;
}

const quiet = { debug: (): void => {}, warn: (): void => {} };

/** What a call is told. */
export function contextOf(
  secret: string,
  rotationId: string,
  { epoch = 1, ...change }: Partial<RotatorContext> & { readonly epoch?: number } = {},
): RotatorContext {
  return {
    rotationId,
    secret,
    step: 'create',
    attempt: 1,
    fence: { era: 1, epoch, known: false },
    signal: new AbortController().signal,
    deadlineMs: 30_000,
    databaseTimeMs: 0,
    log: quiet,
    ...change,
  };
}

/** Opens the text of a value for a test that logs in by hand. */
export function textOf(value: Secret | string): string {
  return typeof value === 'string' ? value : new TextDecoder().decode(openSecret(value));
}

/** Borrows a target for the running test. Roles whose names begin with `name` are dropped at its end. */
export async function borrowTarget(
  { major, admin }: Setting,
  {
    mode = 'two-role',
    makeOwner = true,
    decorate = (role: string) => role,
  }: {
    readonly mode?: 'two-role' | 'in-place';
    readonly makeOwner?: boolean;
    readonly decorate?: (role: string) => string;
  } = {},
): Promise<Borrowed> {
  const server = await sharedPostgres({ major });
  const name = `ktr_${randomBytes(5).toString('hex')}`;
  const superUrl = new URL(server.url());
  const owner = decorate(`${name}_owner`);
  const logins = [decorate(`${name}_a`), decorate(`${name}_b`)] as const;
  const own = new pg.Pool({ connectionString: server.url(name) });
  // What is dropped by force may still be ending.
  own.on('error', () => {});
  const sql: Borrowed['sql'] = async (text, values = [], database) => {
    if (database === 'postgres') return askSuperuser(server.url(), text, values);
    const { rows } = await own.query<Record<string, unknown>>(text, [...values]);
    return rows ?? [];
  };
  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await askSuperuser(server.url(), statement);
  };
  onTestFinished(async () => {
    await own.end();
    await run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    const made = await sql('SELECT rolname FROM pg_roles WHERE strpos(rolname, $1) > 0', [name], 'postgres');
    for (const { rolname } of made) await run(`DROP OWNED BY ${pg.escapeIdentifier(String(rolname))} CASCADE`);
    for (const { rolname } of made) await run(`DROP ROLE ${pg.escapeIdentifier(String(rolname))}`);
  });
  await run(`CREATE DATABASE ${name} STRATEGY FILE_COPY`);
  const [ownerId, adminId] = [pg.escapeIdentifier(owner), pg.escapeIdentifier(`${name}_admin`)];
  if (makeOwner && mode === 'two-role') await run(`CREATE ROLE ${ownerId} NOLOGIN`);
  const adminPassword = SecretValue.fromText(randomBytes(12).toString('hex'));
  if (admin === 'CREATEROLE') {
    await run(
      `CREATE ROLE ${adminId} LOGIN CREATEROLE PASSWORD '${await scramVerifier(adminPassword, 4096)}' IN ROLE pg_signal_backend, pg_read_all_stats`,
    );
    if (major >= 16 && makeOwner && mode === 'two-role') {
      await run(`GRANT ${ownerId} TO ${adminId} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`);
    }
  }
  const configure: Borrowed['configure'] = (change = {}) =>
    postgres.config.parse({
      endpoints: [{ host: '127.0.0.1', port: Number(superUrl.port) }],
      database: name,
      admin:
        admin === 'CREATEROLE'
          ? { username: `${name}_admin`, password: adminPassword }
          : { username: superUrl.username, password: SecretValue.fromText(decodeURIComponent(superUrl.password)) },
      ...(mode === 'in-place' ? { mode, login: logins[0] } : { owner, logins: [...logins] }),
      ...change,
    });
  const open: Borrowed['open'] = (change) => {
    const connection = postgres.connect(configure(change));
    onTestFinished(async () => connection.close());
    return connection;
  };
  const secret = `test:/${name}`;
  return {
    name,
    owner,
    logins,
    secret,
    config: configure(),
    connection: open(),
    logFile: server.logFile,
    url: server.url,
    open,
    configure,
    sql,
    logIn: async (identity, value) => {
      const client = new pg.Client({
        host: superUrl.hostname,
        port: Number(superUrl.port),
        user: identity,
        password: textOf(value),
        database: name,
        ssl: false,
      });
      client.on('error', () => {});
      await client.connect();
      onTestFinished(async () => client.end().catch(() => {}));
      return client;
    },
    ctx: (rotationId, change) => contextOf(secret, rotationId, change),
  };
}
