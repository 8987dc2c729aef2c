import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type KeyturnError, keyturnError } from '../../core/errors.js';
import { connectionFields } from './connection.js';
import { grants } from './grants.js';
import { doorError, rowsOf, sqlstateOf } from './statements.js';

/** Beside this file in the source and in `dist`. */
const folder = fileURLToPath(new URL('./migrations', import.meta.url));

const SCHEMA = 'keyturn';
const LEDGER = 'migrations';

/** node-pg-migrate's lock, which whoever migrates or grants holds; the number is its own. */
const LOCK = 7241865325823964n;

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * Brings the state database to this version: the schema `keyturn` and all in it, the ledger of migrations included.
 * With `appRole` it grants that role what a worker needs and no more; the role must exist.
 *
 * *Repeat*: harmless, and several at once wait for each other.
 * *Errors* `STATE_UNAVAILABLE`, `STATE_REFUSED`, `SETTING_INVALID`; `PRIVILEGE_MISSING` where the role of the URL may
 * not; `USAGE` where there is no such role as `appRole`.
 */
export async function migrate(url: string, { appRole }: { readonly appRole?: string } = {}): Promise<void> {
  // Loaded when it is needed: the loader inside makes a folder for its cache as soon as it is imported.
  const { runner } = await import('node-pg-migrate');
  // A migration may take longer than a statement of a worker.
  const client = new pg.Client({ ...connectionFields(url), statement_timeout: 0, query_timeout: 0 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      schema: SCHEMA,
      createSchema: true,
      migrationsSchema: SCHEMA,
      migrationsTable: LEDGER,
      singleTransaction: true,
      // Held already, and until the grants are made as well: concurrent GRANTs on one table fail.
      noLock: true,
      logger: silent,
    });
    if (appRole !== undefined) await grantTo(client, appRole);
  } catch (error) {
    throw migrateError(error);
  } finally {
    // Ends the session and with it the lock.
    await client.end().catch(() => undefined);
  }
}

async function grantTo(client: pg.Client, role: string): Promise<void> {
  try {
    await client.query(grants(pg.escapeIdentifier(role)));
  } catch (error) {
    if (sqlstateOf(error) !== '42704') throw error;
    throw keyturnError('USAGE', { finding: `--app-role names ${role}, and there is no such role`, command: 'migrate' });
  }
}

function migrateError(error: unknown): KeyturnError {
  if (sqlstateOf(error) !== '42501') return doorError(error);
  return keyturnError('PRIVILEGE_MISSING', {
    target: 'state database',
    action: `bringing the schema ${SCHEMA} to this version`,
    cure: 'Run it as the owner of the database and of the schema, or: GRANT CREATE ON DATABASE … TO …',
  });
}

/**
 * Refuses a database that lacks a migration of this version. Asked before anything else of a database, it also says
 * where the URL leads nowhere. *Errors* `DATABASE_UNMIGRATED`, `SETTING_INVALID`.
 */
export async function assertMigrated(pool: pg.Pool): Promise<void> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).map((name) => basename(name, '.sql'));
  const run = await rowsOf<{ name: string }>(pool, `SELECT name FROM ${SCHEMA}.${LEDGER}`).catch((error: unknown) => {
    throw doorError(error);
  });
  const names = new Set(run.map(({ name }) => name));
  if (!files.every((file) => names.has(file))) throw keyturnError('DATABASE_UNMIGRATED');
}
