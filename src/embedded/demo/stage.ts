import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../postgres.js';
import { Cast, loadOf, makeConsumerKeys } from './cast.js';
import { grantReader, makeDatabases, makePasswords } from './databases.js';
import { consumerKeyFile, demoConfig, files } from './demo-config.js';
import { type Janitor, startJanitor } from './janitor.js';
import type { Narrator } from './narrator.js';
import type { AppStore } from './app/app-protocol.js';
import {
  type DemoParts,
  type DemoState,
  type DemoStore,
  type AppKey,
  type ServedSsm,
  names,
  appKeys,
} from './parts.js';
import { Probe } from './probe.js';
import { Workers } from './workers.js';

/** How the demo is played. */
export interface DemoOptions {
  /** Aborted when somebody interrupts it. */
  readonly signal: AbortSignal;
  readonly narrator: Narrator;
  /** Default: the built-in one. */
  readonly store?: DemoStore;
  /** Of the workers. Default `info`. */
  readonly logLevel?: 'debug' | 'info';
  /** A Redis for the queue. Default: the queue is in the state database. */
  readonly queueUrl?: string;
  /** Settings of the server by name. Default: none. */
  readonly serverSettings?: Readonly<Record<string, string>>;
  /** Called when all has been played, before anything is taken down. */
  readonly inspect?: (stage: Stage) => Promise<void>;
}

/** Everything that is up while the demo is played. */
export interface Stage {
  readonly server: EmbeddedPostgres;
  readonly state: DemoState;
  readonly store: DemoStore;
  readonly workers: Workers;
  readonly cast: Cast;
  readonly probe: Probe;
  /** Where the logs of the workers are. */
  readonly folder: string;
  readonly target: { readonly port: number; readonly database: string };
}

/** What is taken down at the end, the last put up first. */
export type TakeDown = (() => Promise<unknown>)[];

/** Puts everything up. What stands when something fails is in `takeDown` all the same. */
export async function buildStage(parts: DemoParts, options: DemoOptions, takeDown: TakeDown): Promise<Stage> {
  const { narrator, signal } = options;
  narrator.heading('Setting up');
  const janitor = await startJanitor();
  takeDown.push(() => janitor.cleanUp());
  const server = await startEmbeddedPostgres({ fsync: true, settings: options.serverSettings ?? {} });
  takeDown.push(() => server.stop());
  narrator.line(`PostgreSQL on 127.0.0.1:${server.port}, for this demo alone`);
  const passwords = makePasswords();
  await makeDatabases(server.url, passwords);
  const owned = server.url(names.stateDatabase);
  await parts.migrate({ database: owned, queue: options.queueUrl ?? owned }, names.workerRole);
  await grantReader(owned);
  narrator.line(`databases: ${names.stateDatabase} (state and queue) and ${names.targetDatabase} (what is rotated)`);

  const urlAs = (role: string, password: string): string =>
    `postgres://${role}:${password}@127.0.0.1:${server.port}/${names.stateDatabase}`;
  const consumerKeys = makeConsumerKeys();
  const at = (name: string): string => join(janitor.folder, name);
  await parts.makeKeyFile(at(files.key));
  const ssm = options.store === 'ssm' ? await serveSsm(parts, server, at(files.ssmKey)) : null;
  if (ssm !== null) {
    takeDown.push(() => ssm.stop());
    narrator.line(`parameter store: ${ssm.endpoint}, by the wire protocol of AWS SSM, on a database of its own`);
  }
  const place = ssm && { endpoint: ssm.endpoint, region: names.ssmRegion, credentials: ssm.reader, name: names.path };
  const appStore: AppStore =
    place === null
      ? { kind: 'built-in', stateUrl: urlAs(names.readerRole, passwords.reader), keyFile: at(files.key) }
      : { kind: 'ssm', ...place };
  const target = { port: server.port, database: names.targetDatabase };
  const cast = await Cast.start(
    (key) =>
      parts.startApp({
        consumer: names.consumers[key],
        load: loadOf[key],
        store: appStore,
        secret: names.secret,
        environment: names.environment,
        consumerKey: consumerKeys[key],
        target,
        folder: janitor.folder,
      }),
    (app) => {
      janitor.watch(app.pid);
      takeDown.push(() => app.finish());
    },
  );
  const portOf = (key: AppKey): number => cast.app(key).port;
  const appPorts = { canary: portOf('canary'), next: portOf('next'), app: portOf('app'), reports: portOf('reports') };
  await writeFiles(janitor, { [files.adminPassword]: passwords.admin });
  await writeFiles(janitor, Object.fromEntries(appKeys.map((key) => [consumerKeyFile(key), consumerKeys[key]])));
  await writeFiles(janitor, { [files.config]: demoConfig({ port: server.port, appPorts, ssm }) });

  const database = urlAs(names.workerRole, passwords.worker);
  const urls = { database, queue: options.queueUrl ?? database };
  const workers = new Workers({
    program: parts.workerProgram,
    configFile: at(files.config),
    urls,
    accessKey: ssm?.workers ?? null,
    logLevel: options.logLevel ?? 'info',
    logFolder: janitor.folder,
    watch: janitor.watch,
  });
  takeDown.push(() => workers.stop());
  const [first, second] = await Promise.all([workers.start({ signal }), workers.start({ signal })]);
  narrator.line(`workers: processes ${first.pid} and ${second.pid}; applications: processes ${cast.pids.join(', ')}`);
  const state = await parts.open(urls, at(files.config), place);
  takeDown.push(() => state.close());
  const probe = new Probe(state, target);
  takeDown.push(() => probe.stop());
  probe.start();
  return { server, state, store: options.store ?? 'built-in', workers, cast, probe, folder: janitor.folder, target };
}

async function serveSsm(parts: DemoParts, server: EmbeddedPostgres, keyFile: string): Promise<ServedSsm> {
  await parts.makeKeyFile(keyFile);
  return parts.serveSsm({ databaseUrl: server.url(names.ssmDatabase), keyFile });
}

async function writeFiles({ folder }: Janitor, contents: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(contents)) {
    await writeFile(join(folder, name), text, { mode: 0o600, flag: 'wx' });
  }
}
