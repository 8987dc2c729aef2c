import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type pg from 'pg';
import { bullmqWakeupSource } from '../adapters/bullmq/wakeup-source.js';
import { bullmqWakeups } from '../adapters/bullmq/wakeups.js';
import { calendar } from '../adapters/cron/calendar.js';
import { createPool } from '../adapters/postgres/connection.js';
import { postgresDeliveries } from '../adapters/postgres/deliveries.js';
import { postgresIntake } from '../adapters/postgres/intake.js';
import { postgresJournal } from '../adapters/postgres/journal.js';
import { postgresLeases } from '../adapters/postgres/leases.js';
import { postgresMetrics } from '../adapters/postgres/metrics.js';
import { assertMigrated } from '../adapters/postgres/migrate.js';
import { postgresStanding } from '../adapters/postgres/standing.js';
import { postgresSealed } from '../adapters/postgres/store/sealed.js';
import { postgresStore } from '../adapters/postgres/store/store.js';
import { postgresSweep } from '../adapters/postgres/sweep.js';
import { type HealthServer, startHealthServer } from '../api/health.js';
import type { Running, WorkerOptions } from '../cli/doors.js';
import type { Config } from '../config/config.js';
import { claimsFor, planFor, secretOf } from '../config/plan.js';
import { isKeyturnError } from '../core/errors.js';
import type { Plan, Trigger } from '../core/plan.js';
import { auditAlias } from '../engine/alias-audit.js';
import { Sweep } from '../engine/sweep.js';
import { Worker } from '../engine/worker.js';
import { logJournal } from '../telemetry/log-journal.js';
import { createLog } from '../telemetry/log.js';
import { metricsPage } from '../telemetry/metrics.js';
import { toldJournal } from '../telemetry/told-journal.js';
import { consumersOf, senderOf } from './outside.js';
import { type Urls, type Variables, levelOf, variableOf, workflows } from './settings.js';
import { assertUsable, newRotationId, openKeyring, register, scheduledRotationId } from './state.js';
import { targetsOf } from './targets.js';

/** What a worker of this process is started with. */
export interface StartWorker extends WorkerOptions {
  readonly variables: Variables;
  readonly urls: Urls;
  readonly config: Config;
}

/** How long a lease lasts that nobody renews, and how long one call may take. Milliseconds. */
const leaseMs = 5_000;
const callDeadlineMs = 20_000;

/** Starts a worker for every environment of the configuration, and its health server. */
export async function startWorker(start: StartWorker): Promise<Running> {
  const { variables, urls, config, concurrency } = start;
  const pool = createPool(urls.database, { sessions: concurrency + 4 });
  const closers: (() => Promise<unknown>)[] = [() => pool.end()];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    await assertUsable(pool);
    const keyring = await openKeyring(config, pool);
    const [consumers, sender] = await Promise.all([consumersOf(start), senderOf(start)]);
    await register(config, pool);
    const log = createLog({ level: levelOf(variables), stream: process.stderr });
    const leases = postgresLeases(pool);
    const targets = targetsOf({
      variables,
      config,
      log,
      report: (target, outcome) => void Promise.resolve(leases.report(target, outcome)).catch(() => {}),
    });
    closers.push(() => targets.close());
    const store = postgresStore({ pool, keyring });
    const queue = { url: urls.queue, onError: (code: string) => log.warn({ code }, 'queue trouble') };
    const wakeups = bullmqWakeups(queue);
    const source = bullmqWakeupSource(queue);
    closers.push(() => wakeups.close());
    const intake = postgresIntake(pool);
    const planOf = (
      id: string,
      trigger: Trigger,
      reason: string,
      rotationId = newRotationId(),
    ): { plan: Plan; claims: readonly string[] } => {
      const [environment = '', path = ''] = partsOf(id);
      const asked = { rotationId, trigger, reason, requestedBy: 'keyturn', repair: false };
      const plan = planFor({ config, environment, path, ...asked });
      return { plan, claims: claimsFor(secretOf(config, environment, path)) };
    };
    const worker = new Worker({
      ports: {
        target: targets.port,
        store,
        sealed: postgresSealed({ pool, keyring }),
        consumers,
        standing: postgresStanding(pool),
        journal: toldJournal(postgresJournal(pool), logJournal(log)),
        leases,
        sealer: {
          seal: ({ plan: { environment, secret, rotationId } }, slot, value) =>
            keyring.seal(value, { environment, secret, rotation: rotationId, slot }),
        },
      },
      workflows,
      wakeups,
      source,
      deliveries: postgresDeliveries(pool),
      sender,
      log,
      options: { holder: holderName(), concurrency, leaseMs, callDeadlineMs },
      sweep: (handlers) =>
        new Sweep(
          {
            queries: postgresSweep(pool),
            calendar: calendar(),
            wakeups,
            environments: Object.keys(config.environments),
            onSilentQueue: () => source.rebuild(),
            startScheduled: async (id, dueAtMs) => {
              const { plan, claims } = planOf(id, 'schedule', 'its schedule', scheduledRotationId(id, dueAtMs));
              await intake.accept(plan, claims);
            },
            audit: async (id) =>
              auditAlias(
                planOf(id, 'schedule', 'audit').plan,
                { store, target: targets.port },
                AbortSignal.timeout(callDeadlineMs),
              ),
            log,
            everyMs: 1_000,
            batch: 100,
          },
          handlers,
        ),
    });
    const health = await healthOf({ start, pool, isQueueReady: () => wakeups.health() === 'ready' });
    if (health !== undefined) closers.push(() => health.close());
    await worker.start();
    closers.push(() => worker.stop());
    return { healthUrl: health?.url ?? null, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** `environment:/path` taken apart, and an environment has no colon. */
function partsOf(id: string): readonly string[] {
  const colon = id.indexOf(':');
  return [id.slice(0, colon), id.slice(colon + 1)];
}

/** Says who holds a lease: machine, process, and a number of its own, because process ids come again. */
function holderName(): string {
  const machine = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40);
  return `${machine}-${process.pid}-${randomBytes(4).toString('hex')}`;
}

async function healthOf(parts: {
  readonly start: StartWorker;
  readonly pool: pg.Pool;
  readonly isQueueReady: () => boolean;
}): Promise<HealthServer | undefined> {
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
    metrics: metricsPage({ metrics: postgresMetrics(pool), isQueueReady }),
  });
}
