import { migrateQueue } from '../adapters/bullmq/migrate-queue.js';
import { createKeyFile } from '../adapters/local-keyring/key-file.js';
import { migrate } from '../adapters/postgres/migrate.js';
import type { Progress, Serving, StoreListen, Up, Where, WorkerOptions } from '../cli/doors.js';
import { startUpServer } from '../embedded/up.js';
import { type Variables, assertQueueUrl, configOf, levelOf, urlsOf, variableOf } from './settings.js';
import { startWorker } from './start-worker.js';
import { type ServeStore, serveStore } from './store-server.js';

/** What `keyturn up` is started with. */
export interface StartUp extends WorkerOptions {
  readonly variables: Variables;
  readonly where: Where;
  readonly progress: Progress;
  /** Null: the store is not served. */
  readonly store: StoreListen | null;
}

/** Everything in one process: the embedded PostgreSQL where no database is given, migrations, worker, health server, store. */
export async function startUp({ variables, where, progress, store, ...options }: StartUp): Promise<Up> {
  const given = variableOf(variables, 'KEYTURN_DATABASE_URL');
  const queue = variableOf(variables, 'KEYTURN_QUEUE_URL');
  if (queue !== undefined) assertQueueUrl({ database: given ?? '', queue });
  levelOf(variables);
  const named = where.config ?? variableOf(variables, 'KEYTURN_CONFIG');
  const firstConfigIn = named === undefined ? '.' : null;
  const server =
    given === undefined
      ? await startUpServer({ folder: where.data, firstConfigIn, makeKeyFile: createKeyFile, progress })
      : undefined;
  try {
    const found = await urlsOf(variables, where);
    progress('migrating');
    await migrate(found.database);
    await migrateQueue(found.queue);
    progress('starting the worker');
    const declared = await configOf(variables, where);
    const running = await startWorker({ variables, urls: found, config: declared, ...options });
    const serving = await servedBy(store, { variables, urls: found, config: declared }).catch(
      async (error: unknown) => {
        await running.stop();
        throw error;
      },
    );
    return {
      configFile: declared.file,
      made: server?.made ?? [],
      isEmbedded: server !== undefined,
      healthUrl: running.healthUrl,
      storeUrl: serving?.storeUrl ?? null,
      broken: server?.broken ?? new Promise(() => {}),
      stop: async () => {
        await serving?.stop();
        await running.stop();
        await server?.stop();
      },
    };
  } catch (error) {
    await server?.stop();
    throw error;
  }
}

async function servedBy(listen: StoreListen | null, served: Omit<ServeStore, 'listen'>): Promise<Serving | null> {
  return listen === null ? null : serveStore({ ...served, listen });
}
