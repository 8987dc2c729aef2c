import { randomBytes } from 'node:crypto';
import type { Connection, RotatorContext, Secret } from 'keyturn/rotator';
import { Secret as SecretValue } from 'keyturn/rotator';
import mariadb from 'keyturn/rotators/mariadb';
import mysql from 'mysql2/promise';
import { afterAll, describe, onTestFinished } from 'vitest';
import { schemaCure } from '../../../rotators/mariadb/accounts.js';
import { adminCure } from '../../../rotators/mariadb/admin.js';
import type { MariadbConfig } from '../../../rotators/mariadb/config.js';
import { type TestMariadb, findMariadb, startMariadb } from '../../support/mariadb.js';
import { contextOf, textOf } from '../postgres/borrowed.js';

const program = await findMariadb();

/** A `describe` for what needs the program of a server; where there is none its tests are skipped, by a name that says why. */
export function describeWithMariadb(name: string, body: () => void): void {
  if (typeof program === 'string') describe.skip(`${name} (skipped: ${program})`, body);
  else describe(name, body);
}

let shared: Promise<TestMariadb> | undefined;

afterAll(async () => (await shared)?.stop());

/** The server that the tests of one file share. */
export async function sharedMariadb(): Promise<TestMariadb> {
  shared ??= startMariadb();
  return shared;
}

/** One row, by column. */
type Row = Readonly<Record<string, unknown>>;

/** What one test owns at a server: accounts and a database of its own, gone when it has finished. */
export interface Borrowed {
  readonly server: TestMariadb;
  /** Begins every name of this test. */
  readonly name: string;
  readonly secret: string;
  readonly connection: Connection;
  readonly configure: (change?: Readonly<Record<string, unknown>>) => MariadbConfig;
  readonly open: (change?: Readonly<Record<string, unknown>>) => Connection;
  /** Runs SQL as root. */
  readonly sql: (text: string) => Promise<readonly Row[]>;
  /** Logs in as a consumer would. Ended when the test has finished. */
  readonly logIn: (identity: string, value: Secret | string) => Promise<mysql.Connection>;
  readonly ctx: (rotationId: string, change?: Partial<RotatorContext>) => RotatorContext;
}

/** Runs SQL as root, one statement after the other. */
export async function asRoot({ port }: TestMariadb, text: string): Promise<readonly Row[]> {
  const client = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root', multipleStatements: true });
  try {
    const [rows] = await client.query(text);
    return Array.isArray(rows) ? (rows as readonly Row[]) : [];
  } finally {
    await client.end();
  }
}

/** Borrows a target with an admin that has what it needs and no more. */
export async function borrowTarget(given?: TestMariadb): Promise<Borrowed> {
  const server = given ?? (await sharedMariadb());
  const name = `k${randomBytes(4).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  const sql: Borrowed['sql'] = async (text) => asRoot(server, text);
  const configure: Borrowed['configure'] = (change = {}) =>
    mariadb.config.parse({
      endpoints: [{ host: '127.0.0.1', port: server.port }],
      admin: { username: `${name}_admin`, password: SecretValue.fromText(password) },
      name,
      role: `${name}_role`,
      database: name,
      schema: `${name}_tags`,
      ...change,
    });
  onTestFinished(async () => {
    const made = await sql(
      `SELECT user, host, json_value(priv, '$.is_role') AS role FROM mysql.global_priv WHERE user LIKE '${name}%'`,
    );
    for (const { user, host, role } of made) {
      await sql(role === null ? `DROP USER '${String(user)}'@'${String(host)}'` : `DROP ROLE \`${String(user)}\``);
    }
    await sql(`DROP DATABASE IF EXISTS ${name}; DROP DATABASE IF EXISTS ${name}_tags`);
  });
  await sql(`CREATE DATABASE ${name}; CREATE TABLE ${name}.things (thing int); CREATE ROLE \`${name}_role\``);
  await sql(`GRANT SELECT, INSERT ON ${name}.* TO \`${name}_role\``);
  await sql(`CREATE USER '${name}_admin' IDENTIFIED BY '${password}'`);
  await sql(schemaCure(configure()));
  await sql(adminCure(configure()));
  const secret = `test:/${name}`;
  const open: Borrowed['open'] = (change) => mariadb.connect(configure(change));
  return {
    server,
    name,
    secret,
    configure,
    open,
    connection: open(),
    sql,
    logIn: async (user, value) => {
      const options = { host: '127.0.0.1', port: server.port, user, password: textOf(value), database: name };
      const client = await mysql.createConnection(options);
      client.on('error', () => {});
      onTestFinished(() => client.destroy());
      return client;
    },
    ctx: (rotationId, change) => contextOf(secret, rotationId, change),
  };
}
