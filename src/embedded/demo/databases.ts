import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { names } from './parts.js';

/** The passwords of the roles that are not rotated here. */
export interface RolePasswords {
  readonly worker: string;
  readonly reader: string;
  readonly admin: string;
}

/** Makes passwords of 192 bits. */
export function makePasswords(): RolePasswords {
  const password = (): string => randomBytes(24).toString('base64url');
  return { worker: password(), reader: password(), admin: password() };
}

const quoted = pg.escapeIdentifier;

/**
 * Makes the databases, the one of a Parameter Store among them, and every role but the logins that are rotated: those are
 * Keyturn's to make.
 */
export async function makeDatabases(urlOf: (database: string) => string, passwords: RolePasswords): Promise<void> {
  await withClient(urlOf('postgres'), async (client) => {
    // Statements with a password in them are kept out of the server's log, and out of its statistics where it has any.
    await client.query("SET log_statement = 'none'; SET log_min_error_statement = 'panic'");
    await client.query("SET pg_stat_statements.track = 'none'");
    for (const [role, password, rights] of [
      [names.workerRole, passwords.worker, ''],
      [names.readerRole, passwords.reader, ''],
      [names.adminRole, passwords.admin, ' CREATEROLE'],
    ] as const) {
      await client.query(`CREATE ROLE ${quoted(role)} LOGIN${rights} PASSWORD ${pg.escapeLiteral(password)}`);
    }
    const admin = quoted(names.adminRole);
    await client.query(`CREATE ROLE ${quoted(names.owner)} NOLOGIN`);
    await client.query(`GRANT pg_read_all_stats, pg_signal_backend TO ${admin}`);
    await client.query(`GRANT ${quoted(names.owner)} TO ${admin} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`);
    for (const database of [names.stateDatabase, names.ssmDatabase])
      await client.query(`CREATE DATABASE ${quoted(database)}`);
    await client.query(`CREATE DATABASE ${quoted(names.targetDatabase)} OWNER ${quoted(names.owner)}`);
  });
  await withClient(urlOf(names.targetDatabase), async (client) => {
    await client.query(`SET ROLE ${quoted(names.owner)}`);
    await client.query(
      'CREATE TABLE payments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cents integer NOT NULL)',
    );
  });
}

/** After the migration: the applications may read the store, and nothing else of the state. */
export async function grantReader(stateUrl: string): Promise<void> {
  await withClient(stateUrl, async (client) => {
    const role = quoted(names.readerRole);
    await client.query(`GRANT USAGE ON SCHEMA keyturn TO ${role}`);
    await client.query(`GRANT SELECT ON keyturn.versions, keyturn.labels TO ${role}`);
  });
}

/** Lends one session. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
