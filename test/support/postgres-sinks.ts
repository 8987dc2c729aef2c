import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Sink } from './leak-scanner.js';
import { filesAt } from './sinks.js';
import { withDatabase } from './test-server.js';

/** Every row of every table of every database of a server, the catalogue's included, as text. Needs a superuser. */
export async function* tablesOf(url: string): AsyncGenerator<Sink> {
  const databases = await asked(url, 'SELECT datname FROM pg_database WHERE NOT datistemplate');
  for (const database of databases) yield* tablesIn(withDatabase(url, database), { catalogue: true });
}

/** The same for one database. */
export async function* tablesIn(url: string, { catalogue }: { readonly catalogue: boolean }): AsyncGenerator<Sink> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const hidden = catalogue ? ['information_schema'] : ['information_schema', 'pg_catalog', 'pg_toast'];
    const tables = await rowsOf(
      client,
      `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname <> ALL ($1)`,
      [hidden],
    );
    for (const table of catalogue ? [...tables, 'pg_stat_activity'] : tables) {
      // bytea is text in hexadecimal here; verifiers of passwords hold no part of them.
      const rows = await rowsOf(client, `SELECT t::text FROM ${table} AS t`);
      yield { name: `${client.database ?? ''} ${table}`, content: Buffer.from(rows.join('\n')) };
    }
  } finally {
    await client.end();
  }
}

/** What the server remembers of statements. It must have been started with `pg_stat_statements` preloaded. */
export async function* statementsOf(url: string): AsyncGenerator<Sink> {
  await asked(url, 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  const statements = await asked(url, 'SELECT query FROM pg_stat_statements');
  yield { name: 'pg_stat_statements', content: Buffer.from(statements.join('\n')) };
}

/**
 * Every file of a server on this machine: its write-ahead log, and its tables with the rows that are deleted. They are
 * written out first.
 */
export async function* clusterFilesOf(url: string): AsyncGenerator<Sink> {
  const [folder = ''] = await asked(url, 'SHOW data_directory');
  await asked(url, 'CHECKPOINT');
  for (const part of await readdir(folder)) yield* filesAt(join(folder, part), part);
}

async function asked(url: string, text: string): Promise<readonly string[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await rowsOf(client, text);
  } finally {
    await client.end();
  }
}

async function rowsOf(client: pg.Client, text: string, values: readonly unknown[] = []): Promise<readonly string[]> {
  const { rows } = await client.query<(string | null)[]>({ text, values: [...values], rowMode: 'array' });
  return rows.map(([value]) => value ?? '');
}
