import { migrateQueue } from '../adapters/bullmq/migrate-queue.js';
import { createKeyFile } from '../adapters/local-keyring/key-file.js';
import { createPool } from '../adapters/postgres/connection.js';
import { migrate } from '../adapters/postgres/migrate.js';
import { postgresStoreReader } from '../adapters/postgres/store/versions.js';
import type { Terminal } from '../cli/doors.js';
import { exit } from '../cli/output.js';
import type { Config } from '../config/config.js';
import { claimsFor, planFor, secretOf } from '../config/plan.js';
import { isKeyturnError } from '../core/errors.js';
import { startApp } from '../embedded/demo/app/start-app.js';
import type { SsmPlace } from '../embedded/demo/app/app-protocol.js';
import { runDemo } from '../embedded/demo/demo.js';
import { Narrator } from '../embedded/demo/narrator.js';
import { type DemoParts, type DemoState, type DemoUrls, names } from '../embedded/demo/parts.js';
import { programOf } from '../embedded/demo/program.js';
import { tellReport } from '../embedded/demo/report.js';
import type { DemoOptions } from '../embedded/demo/stage.js';
import type { VersionSelector } from '../ports/step-ports.js';
import { serveSsm } from './demo-ssm.js';
import { openKeyring } from './keyring.js';
import { configOf } from './settings.js';
import { openState } from './state.js';

/** What the demo is played with: the shipped parts, the shipped command. */
export function demoParts(): DemoParts {
  return {
    makeKeyFile: createKeyFile,
    migrate: async ({ database, queue }, appRole) => {
      await migrate(database, { appRole });
      await migrateQueue(queue, { appRole });
    },
    serveSsm,
    open: openDemoState,
    workerProgram: programOf('../cli/bin', import.meta.url),
    startApp: (order) => startApp(programOf('./sample-app-process', import.meta.url), order),
  };
}

/** How `keyturn demo` is started. */
export interface StartDemo extends Omit<DemoOptions, 'signal' | 'narrator'> {
  readonly terminal: Terminal;
  readonly json: boolean;
  /** Default: the shipped ones. */
  readonly parts?: DemoParts;
}

/** `keyturn demo`. *Returns* its exit code: 1 where a promise was broken, which is named. */
export async function startDemo({ terminal, json, parts = demoParts(), ...options }: StartDemo): Promise<number> {
  const { stdout, stderr, isInteractive, interrupted } = terminal;
  const narrator = new Narrator(json ? stderr : stdout, { isInteractive: isInteractive && !json });
  const report = await runDemo(parts, { ...options, narrator, signal: interrupted });
  tellReport(report, narrator);
  if (json) stdout.write(`${JSON.stringify(report)}\n`);
  return report.ok ? exit.done : exit.failed;
}

async function openDemoState(urls: DemoUrls, configFile: string, ssm: SsmPlace | null): Promise<DemoState> {
  const config = await configOf({}, { config: configFile, data: '' });
  const state = await openState(urls);
  const { environment, path } = names;
  const store = ssm === null ? await openBuiltIn(config, urls) : await openSsm(ssm);
  return {
    views: state.views,
    read: store.read,
    rotate: async (reason) => {
      const rotationId = state.newRotationId();
      const asked = { rotationId, trigger: 'demand', reason, requestedBy: 'demo', repair: false } as const;
      const plan = planFor({ config, environment, path, ...asked });
      await state.accept(plan, claimsFor(secretOf(config, environment, path)));
      await state.ring(rotationId).catch((error: unknown) => {
        // It is written down: the sweep of a worker finds it.
        if (!isKeyturnError(error) || error.code !== 'QUEUE_UNAVAILABLE') throw error;
      });
      return rotationId;
    },
    waive: ({ rotationId, consumer, reason }) => state.operations.waive({ rotationId, consumer, by: 'demo', reason }),
    webhooks: async (rotationId) => {
      const rows = await state.deliveries.list({ rotationId, limit: 100 });
      return rows.map(({ endpoint, type, outcome }) => ({
        consumer: endpoint,
        type,
        delivered: outcome === 'delivered',
      }));
    },
    close: async () => {
      await store.close();
      await state.close();
    },
  };
}

async function openBuiltIn(config: Config, urls: DemoUrls) {
  const pool = createPool(urls.database, { sessions: 2 });
  const reader = postgresStoreReader({ pool, keyring: await openKeyring(config, pool) });
  return { read: (selector: VersionSelector) => reader.readCurrent(names.secret, selector), close: () => pool.end() };
}

async function openSsm(place: SsmPlace) {
  const { ssmReader } = await import('../adapters/aws/ssm-reader.js');
  return ssmReader(place);
}
