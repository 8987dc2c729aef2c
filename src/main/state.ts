import { createHash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { BullmqWakeups } from '../adapters/bullmq/wakeups.js';
import { calendar } from '../adapters/cron/calendar.js';
import { createPool, loginOf } from '../adapters/postgres/connection.js';
import { postgresDeliveryLog } from '../adapters/postgres/delivery-log.js';
import { postgresHistory } from '../adapters/postgres/history.js';
import { checkInstallation } from '../adapters/postgres/installation.js';
import { postgresIntake } from '../adapters/postgres/intake.js';
import { assertMigrated } from '../adapters/postgres/migrate.js';
import { postgresOperations } from '../adapters/postgres/operations.js';
import { postgresRegistry } from '../adapters/postgres/registry.js';
import { postgresSweep } from '../adapters/postgres/sweep.js';
import { postgresViews } from '../adapters/postgres/views.js';
import type { History, State } from '../cli/doors.js';
import type { Config, SecretConfig } from '../config/config.js';
import { registerConfig } from '../config/register.js';
import { isKeyturnError } from '../core/errors.js';
import type { Wakeups } from '../ports/wakeups.js';
import { type Urls, assertQueueUrl, workflows } from './settings.js';

/** Opens the state database for a person. The queue is connected to when there is something to ring for. */
export async function openState(
  urls: Urls,
  { acceptMoved }: { readonly acceptMoved: boolean } = { acceptMoved: false },
): Promise<State> {
  const pool = createPool(urls.database, { sessions: 2 });
  let queue: Promise<BullmqWakeups> | undefined;
  const wakeups: Wakeups = {
    ring: async (wakeup) => {
      queue ??= openQueue(urls.queue);
      await (await queue).ring(wakeup);
    },
  };
  const close = async (): Promise<void> => {
    // Where it could not be opened, who rang was told.
    await (await queue?.catch(() => undefined))?.close();
    await pool.end();
  };
  try {
    assertQueueUrl(urls);
    await assertMigrated(pool);
    if (!acceptMoved) await checkInstallation(pool);
  } catch (error) {
    await close();
    throw error;
  }
  const intake = postgresIntake(pool);
  const operations = postgresOperations(pool, wakeups);
  return {
    views: postgresViews(pool),
    operations,
    deliveries: postgresDeliveryLog(pool, wakeups),
    hold: (secret, hold) => onceKnown(secret, pool, () => operations.hold({ ...hold, secret: secret.id })),
    accept: async (plan, claims) => intake.accept(plan, claims),
    ring: (rotationId) => wakeups.ring({ about: 'rotation', id: rotationId, key: '1', delayMs: 0, urgent: false }),
    newRotationId,
    close,
  };
}

/** Loaded when it is asked for: the library takes longer to load than most commands take to answer. */
async function openQueue(url: string): Promise<BullmqWakeups> {
  const { bullmqWakeups } = await import('../adapters/bullmq/wakeups.js');
  return bullmqWakeups({ url, login: loginOf(url), onError: () => {} });
}

/** Opens the state database for the judge of histories. *Errors* `STATE_UNAVAILABLE`, `DATABASE_UNMIGRATED`. */
export async function openHistory({ database }: Pick<Urls, 'database'>): Promise<History> {
  const pool = createPool(database, { sessions: 1 });
  const close = async (): Promise<void> => pool.end();
  try {
    await assertMigrated(pool);
  } catch (error) {
    await close();
    throw error;
  }
  return { reader: postgresHistory(pool), workflows, close };
}

/** Sorts by time; its second half alone tells two apart that were asked for in the same millisecond. */
export function newRotationId(): string {
  const time = Date.now().toString(36).padStart(9, '0');
  const chance = BigInt(`0x${randomBytes(8).toString('hex')}`)
    .toString(36)
    .padStart(13, '0');
  return `${time}-${chance}`;
}

/** The id of the rotation of one due time: whoever finds it due asks for the same one. */
export function scheduledRotationId(secret: string, dueAtMs: number): string {
  const time = dueAtMs.toString(36).padStart(9, '0');
  const own = createHash('sha256').update(secret).digest('hex').slice(0, 13);
  return `${time}-${own}`;
}

/** Lends a small pool, for a command. */
export async function withPool<T>(url: string, use: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = createPool(url, { sessions: 2 });
  try {
    return await use(pool);
  } finally {
    await pool.end();
  }
}

/** *Errors* `STATE_UNAVAILABLE`, `DATABASE_UNMIGRATED`, `DATABASE_MOVED`. */
export async function assertUsable(pool: pg.Pool): Promise<void> {
  await assertMigrated(pool);
  await checkInstallation(pool);
}

/** Puts what is declared into the database. The clock of this machine says only when a new schedule begins to count. */
export async function register(config: Config, pool: pg.Pool): Promise<void> {
  const ports = { registry: postgresRegistry(pool), calendar: calendar(), sweep: postgresSweep(pool) };
  await registerConfig(config, { ...ports, nowMs: Date.now() });
}

/**
 * Does something with a secret; where the database does not know the secret yet, because no worker has started with
 * this configuration, makes it known first. It and nothing else: a configuration that is old, or names a part only, must
 * not take away what a worker has declared.
 */
export async function onceKnown<T>(secret: SecretConfig, pool: pg.Pool, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isKeyturnError(error) || error.code !== 'UNKNOWN_SECRET') throw error;
    await postgresRegistry(pool).introduce({ ...secret, secret: secret.id });
    return work();
  }
}
