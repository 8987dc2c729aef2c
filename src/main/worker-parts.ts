import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type pg from 'pg';
import { bullmqWakeupSource } from '../adapters/bullmq/wakeup-source.js';
import { bullmqWakeups } from '../adapters/bullmq/wakeups.js';
import { calendar } from '../adapters/cron/calendar.js';
import { postgresChallenges } from '../adapters/postgres/challenges.js';
import { createPool, loginOf } from '../adapters/postgres/connection.js';
import { postgresDeliveries } from '../adapters/postgres/deliveries.js';
import { postgresInstances } from '../adapters/postgres/instances.js';
import { postgresIntake } from '../adapters/postgres/intake.js';
import { postgresJournal } from '../adapters/postgres/journal.js';
import { postgresLeases } from '../adapters/postgres/leases.js';
import { postgresStanding } from '../adapters/postgres/standing.js';
import { postgresSealed } from '../adapters/postgres/store/sealed.js';
import { postgresSweep } from '../adapters/postgres/sweep.js';
import type { Config } from '../config/config.js';
import { claimsFor, planFor, secretOf } from '../config/plan.js';
import type { Plan, Trigger } from '../core/plan.js';
import { Scrubber } from '../core/scrub.js';
import { auditAlias } from '../engine/alias-audit.js';
import { Sweep } from '../engine/sweep.js';
import type { WorkerParts } from '../engine/worker.js';
import { logJournal } from '../telemetry/log-journal.js';
import { createLog } from '../telemetry/log.js';
import { toldJournal } from '../telemetry/told-journal.js';
import { openKeyring } from './keyring.js';
import { orphanParts, sweptOrphans } from './orphans.js';
import { checksOf, consumersOf, senderOf } from './outside.js';
import { keepOwnLogin } from './own-login.js';
import { type Urls, type Variables, assertQueueUrl, levelOf, workflows } from './settings.js';
import { assertUsable, newRotationId, register, scheduledRotationId } from './state.js';
import { openStores } from './stores.js';
import { targetsOf } from './targets.js';
import { tellWarnings } from './warnings.js';

/** What the parts of a worker are made for. */
export interface WorkerSettings {
  readonly variables: Variables;
  readonly urls: Urls;
  readonly config: Config;
  /** Rotations at one time. */
  readonly concurrency: number;
}

/** Everything a worker of this configuration stands on, connected, with nothing at work yet. */
export interface OpenedParts {
  readonly parts: WorkerParts;
  /** The sessions with the state database. */
  readonly pool: pg.Pool;
  readonly isQueueReady: () => boolean;
  /** Lets go of what was opened; the worker is stopped before. *Repeat*: harmless. */
  readonly close: () => Promise<void>;
}

/** How long a lease lasts that nobody renews, and how long one call may take. Milliseconds. */
const leaseMs = 5_000;
const callDeadlineMs = 20_000;

/** Joins the adapters to the parts of a worker, and puts what is declared into the database. */
export async function openWorkerParts({ variables, urls, config, concurrency }: WorkerSettings): Promise<OpenedParts> {
  const pool = createPool(urls.database, { sessions: concurrency + 4 });
  const closers: (() => Promise<unknown>)[] = [() => pool.end()];
  const close = async (): Promise<void> => {
    for (const each of closers.splice(0).reverse()) await each();
  };
  try {
    assertQueueUrl(urls);
    const level = levelOf(variables);
    await assertUsable(pool);
    const keyring = await openKeyring(config, pool);
    const stores = await openStores({ config, pool, keyring });
    closers.push(async () => stores.close());
    const configured = { variables, config, pool, stores };
    // What rotators are given and give is looked for in every line, and in what consumers say.
    const scrubber = new Scrubber();
    const challenges = postgresChallenges({ pool, keyring });
    const [consumers, sender] = await Promise.all([
      consumersOf(configured, { challenges, instances: postgresInstances(pool), scrubber }),
      senderOf(configured),
    ]);
    await register(config, pool);
    const log = createLog({ level, stream: process.stderr, seen: scrubber });
    tellWarnings(config, log);
    const own = keepOwnLogin({ config, urls, stores, log });
    closers.push(async () => own?.stop());
    const leases = postgresLeases(pool);
    const targets = targetsOf({
      variables,
      config,
      stores,
      log,
      scrubber,
      report: (target, outcome) => void Promise.resolve(leases.report(target, outcome)).catch(() => {}),
    });
    closers.push(() => targets.close());
    const queue = {
      url: urls.queue,
      login: loginOf(urls.queue),
      onError: (code: string) => log.warn({ code }, 'queue trouble'),
    };
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
    const looking = orphanParts(pool, { store: stores.port, target: targets.port });
    const parts: WorkerParts = {
      ports: {
        target: targets.port,
        store: stores.port,
        sealed: postgresSealed({ pool, keyring }),
        consumers,
        checks: checksOf(configured),
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
                { store: stores.port, target: targets.port },
                AbortSignal.timeout(callDeadlineMs),
              ),
            orphans: async (id) => {
              const [environment = '', path = ''] = partsOf(id);
              return sweptOrphans(config, secretOf(config, environment, path), looking);
            },
            log,
            everyMs: 1_000,
            webhooksEveryMs: 200,
            batch: 100,
          },
          handlers,
        ),
    };
    return { parts, pool, isQueueReady: () => wakeups.health() === 'ready', close };
  } catch (error) {
    await close();
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
