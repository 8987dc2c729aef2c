import type pg from 'pg';
import { postgresMetrics } from '../adapters/postgres/metrics.js';
import { assertMigrated } from '../adapters/postgres/migrate.js';
import { startHealthServer } from '../api/health.js';
import type { HttpServer } from '../api/http-server.js';
import type { Running, WorkerOptions } from '../cli/doors.js';
import type { Config } from '../config/config.js';
import { isKeyturnError } from '../core/errors.js';
import type { Trigger } from '../core/plan.js';
import { Worker } from '../engine/worker.js';
import { type Expected, metricsPage } from '../telemetry/metrics.js';
import { variableOf } from './settings.js';
import { type WorkerSettings, openWorkerParts } from './worker-parts.js';

/** What a worker of this process is started with. */
export interface StartWorker extends WorkerOptions, WorkerSettings {}

/** Starts a worker for every environment of the configuration, and its health server. */
export async function startWorker(start: StartWorker): Promise<Running> {
  const { parts, pool, isQueueReady, close } = await openWorkerParts(start);
  const closers: (() => Promise<unknown>)[] = [close];
  const stop = async (): Promise<void> => {
    for (const each of closers.splice(0).reverse()) await each();
  };
  try {
    const health = await healthOf({ start, pool, isQueueReady });
    if (health !== undefined) closers.push(() => health.close());
    const worker = new Worker(parts);
    await worker.start();
    closers.push(() => worker.stop());
    return { healthUrl: health?.url ?? null, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function healthOf(parts: {
  readonly start: StartWorker;
  readonly pool: pg.Pool;
  readonly isQueueReady: () => boolean;
}): Promise<HttpServer | undefined> {
  const { start, pool, isQueueReady } = parts;
  if (start.healthPort === null) return undefined;
  return startHealthServer({
    address: variableOf(start.variables, 'KEYTURN_HEALTH_ADDRESS') ?? '127.0.0.1',
    port: start.healthPort,
    queue: () => (isQueueReady() ? 'ready' : 'down'),
    database: async () => {
      try {
        await assertMigrated(pool);
        return 'ready';
      } catch (error) {
        return isKeyturnError(error) && error.code === 'DATABASE_UNMIGRATED' ? 'unmigrated' : 'unreachable';
      }
    },
    metrics: metricsPage({ metrics: postgresMetrics(pool), expected: expectedOf(start.config), isQueueReady }),
  });
}

/** Anything declared may be asked for; by itself begins only what has a schedule. */
function expectedOf({ environments }: Config): readonly Expected[] {
  return Object.values(environments).flatMap(({ secrets }) =>
    Object.values(secrets).flatMap(({ workflow: { name }, schedule }): readonly Expected[] => [
      { workflow: name, trigger: 'demand' satisfies Trigger },
      ...(schedule === null ? [] : [{ workflow: name, trigger: 'schedule' satisfies Trigger }]),
    ]),
  );
}
