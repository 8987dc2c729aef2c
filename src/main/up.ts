import { migrateQueue } from '../adapters/bullmq/migrate-queue.js';
import { createKeyFile } from '../adapters/local-keyring/key-file.js';
import { migrate } from '../adapters/postgres/migrate.js';
import type { Progress, Serve, Up, Where, WorkerOptions } from '../cli/doors.js';
import { findConfig } from '../config/load.js';
import { startUpServer } from '../embedded/up.js';
import { startServing } from './serving.js';
import { type Variables, assertQueueUrl, configOf, levelOf, urlsOf, variableOf } from './settings.js';
import { startWorker } from './start-worker.js';

/** What `keyturn up` is started with. */
export interface StartUp extends WorkerOptions, Serve {
  readonly variables: Variables;
  readonly where: Where;
  readonly progress: Progress;
}

/** Everything in one process: the embedded PostgreSQL where no database is given, migrations, worker, and what is served. */
export async function startUp({ variables, where, progress, store, acksPort, ...options }: StartUp): Promise<Up> {
  const given = variableOf(variables, 'KEYTURN_DATABASE_URL');
  const queue = variableOf(variables, 'KEYTURN_QUEUE_URL');
  if (queue !== undefined) assertQueueUrl({ database: given ?? '', queue });
  levelOf(variables);
  const named = where.config ?? variableOf(variables, 'KEYTURN_CONFIG');
  const firstConfigIn = named === undefined ? '.' : null;
  // Refused before anything is made. Where there is none at all, `up` with a server of its own makes the first one.
  const makesFirst = given === undefined && firstConfigIn !== null && findConfig(firstConfigIn) === undefined;
  const found = makesFirst ? undefined : await configOf(variables, where);
  const server =
    given === undefined
      ? await startUpServer({ folder: where.data, firstConfigIn, makeKeyFile: createKeyFile, progress })
      : undefined;
  try {
    const urls = await urlsOf(variables, where);
    progress('migrating');
    await migrate(urls.database);
    await migrateQueue(urls.queue);
    progress('starting the worker');
    const declared = found ?? (await configOf(variables, where));
    const running = await startWorker({ variables, urls, config: declared, ...options });
    const served = { variables, urls, config: declared };
    const serving = await startServing(served, { store, acksPort }).catch(async (error: unknown) => {
      await running.stop();
      throw error;
    });
    return {
      configFile: declared.file,
      made: server?.made ?? [],
      isEmbedded: server !== undefined,
      healthUrl: running.healthUrl,
      storeUrl: serving.storeUrl,
      acksUrl: serving.acksUrl,
      broken: server?.broken ?? new Promise(() => {}),
      stop: async () => {
        await serving.stop();
        await running.stop();
        await server?.stop();
      },
    };
  } catch (error) {
    await server?.stop();
    throw error;
  }
}
