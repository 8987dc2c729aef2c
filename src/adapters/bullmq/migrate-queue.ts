import { runMigrations } from 'bullmq';
import pg from 'pg';
import { keyturnError } from '../../core/errors.js';
import type { LoginSource } from '../../ports/login.js';
import { errorName } from './error-name.js';
import { loggedIn, postgresOptions, queueSchema } from './postgres-backend.js';
import { connectQueue } from './queue-backend.js';
import { parseQueueUrl } from './queue-url.js';

/**
 * Brings the queue's tables to this version and gives `appRole` exactly what working with own job ids needs. For a
 * Redis, which has no tables, it only asks whether the server answers.
 *
 * *Repeat*: harmless, also at the same time. *Errors* `QUEUE_UNAVAILABLE`; `PRIVILEGE_MISSING` where the role of the
 * URL may not create the schema; `SETTING_INVALID`.
 */
export async function migrateQueue(
  url: string,
  { appRole, login }: { readonly appRole?: string; readonly login?: LoginSource | undefined } = {},
): Promise<void> {
  const server = parseQueueUrl(url);
  try {
    if (server.kind === 'redis') {
      const backend = await connectQueue({ server, prefix: 'keyturn', onError: () => {} });
      return await backend.end(false);
    }
    const client = new pg.Client(loggedIn(postgresOptions(server), login));
    client.on('error', () => {});
    await client.connect();
    try {
      await runMigrations(client, queueSchema);
      if (appRole !== undefined) await grant(client, pg.escapeIdentifier(appRole));
    } finally {
      await client.end();
    }
  } catch (error) {
    if (errorName(error) === '42501') {
      throw keyturnError('PRIVILEGE_MISSING', {
        target: 'queue',
        action: `creating the schema ${queueSchema}`,
        cure: 'Run it as the owner of the database, or: GRANT CREATE ON DATABASE … TO …',
      });
    }
    // Its text may hold the URL.
    throw keyturnError('QUEUE_UNAVAILABLE');
  }
}

/**
 * Rights of the app role, in one transaction. `CREATE` is not among them: own job ids need no sequence at run time.
 * The ledger of migrations is for reading.
 */
async function grant(client: pg.Client, role: string): Promise<void> {
  await client.query(`
    BEGIN;
    GRANT USAGE ON SCHEMA ${queueSchema} TO ${role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${queueSchema} TO ${role};
    REVOKE INSERT, UPDATE, DELETE ON ${queueSchema}.migration FROM ${role};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${queueSchema} TO ${role};
    COMMIT;
  `);
}
