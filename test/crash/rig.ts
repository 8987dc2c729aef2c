import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrateQueue } from '../../src/adapters/bullmq/migrate-queue.js';
import { createKeyFile } from '../../src/adapters/local-keyring/key-file.js';
import { localKeyring } from '../../src/adapters/local-keyring/local-keyring.js';
import { createPool } from '../../src/adapters/postgres/connection.js';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { putInitial } from '../../src/adapters/postgres/store/put-by-person.js';
import { type StoreReader, postgresStoreReader } from '../../src/adapters/postgres/store/versions.js';
import type { State } from '../../src/cli/doors.js';
import type { Config } from '../../src/config/config.js';
import { claimsFor, planFor, secretOf } from '../../src/config/plan.js';
import type { Held, HeldChallenge } from '../../src/consumer/answer-challenge.js';
import { renderCredential } from '../../src/core/credential.js';
import type { Status } from '../../src/core/rotation.js';
import { Secret, openSecret } from '../../src/core/secret.js';
import { openState, register } from '../../src/main/state.js';
import { canary } from '../support/canary.mjs';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis.js';
import { ScriptedProvider } from '../support/scripted-provider.js';
import { startTestPostgres } from '../support/test-server.js';
import { type CrashConsumer, startConsumer } from './consumer.js';
import type { GivenServer } from './given-server.js';
import { type CrashSecret, type Installation, type Kind, configOf, names } from './installation.js';
import { refuseLeaksOf, shownBy } from './rig-leaks.js';
import type { Scenario } from './scenarios.js';
import { type Targets, credentialIn, fieldsOf, openTargets } from './target.js';
import type { WorkerOrder } from './worker-messages.js';
import { WorkerProcess } from './worker-process.js';

/** Where the queue is. */
export type QueueKind = 'redis' | 'postgres';

/** What a rig is opened with. */
export interface RigOptions {
  readonly queue: QueueKind;
  /** The secrets it is to have, one for each rotation. */
  readonly secrets: readonly { readonly kind: Kind; readonly scenario: Scenario }[];
  /**
   * What workers are told of where things are, for a fault between them and the servers; the rig itself and its judges
   * go straight. Default: straight.
   */
  readonly via?: (at: Straight) => Promise<Partial<Straight>>;
  /** Where webhooks go. Default: nowhere. */
  readonly webhookUrl?: string;
  /** Settings of its PostgreSQL server. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A server for the state, and a queue on PostgreSQL, that the caller may break and stops. Default: that of the targets. */
  readonly stateServer?: GivenServer;
  /** A server for the queue alone. Default: that of the state, or a Redis of its own. */
  readonly queueServer?: GivenServer;
}

/** How long a lease lasts in the rig, so that a worker's death is noticed soon. Milliseconds. */
export const rigLeaseMs = 1_000;

/** A stopped call is to be found there, not timed out. Milliseconds. */
const rigCallDeadlineMs = 900_000;

/** How long rotations may take to come to rest: settling takes seconds, and so may a busy machine. Milliseconds. */
const restWithinMs = 300_000;

/**
 * One installation on servers of its own: a PostgreSQL with state and targets in separate databases, a queue, a
 * consumer, and secrets with a first credential made by hand. Workers are processes, started and killed by the test.
 */
export class Rig {
  readonly #workers = new Set<WorkerProcess>();
  readonly #closers: (() => Promise<unknown>)[];
  readonly #servers: Opened['servers'];
  /** As workers are told. */
  readonly installation: Installation;
  /** Where the servers are in truth. */
  readonly straight: Straight;
  readonly config: Config;
  /** Of the state database. */
  readonly pool: pg.Pool;
  readonly store: StoreReader;
  readonly state: State;
  readonly targets: Targets;
  /** Where the targets are. */
  readonly targetServer: GivenServer;

  private constructor({ installation, straight, pool, store, state, targets, targetServer, servers, closers }: Opened) {
    this.installation = installation;
    this.straight = straight;
    this.config = configOf(installation);
    this.pool = pool;
    this.store = store;
    this.state = state;
    this.targets = targets;
    this.targetServer = targetServer;
    this.#closers = closers;
    this.#servers = servers;
  }

  /** Puts it up. The caller closes it. *Errors*: where no Redis can be started for `redis`. */
  static async open(options: RigOptions): Promise<Rig> {
    const closers: (() => Promise<unknown>)[] = [];
    try {
      return new Rig(await open(options, closers));
    } catch (error) {
      for (const close of closers.reverse()) await close();
      throw error;
    }
  }

  /** Starts a worker with a short lease that is stopped nowhere, or differs as said. */
  async worker(change: Partial<WorkerOrder> = {}, process = this.process()): Promise<WorkerProcess> {
    await process.start(this.order(change));
    return process;
  }

  /** A process that loads the modules of a worker meanwhile. */
  process(environment: Readonly<Record<string, string>> = {}): WorkerProcess {
    const folder = join(this.installation.folder, `worker-${this.#workers.size + 1}`);
    const process = new WorkerProcess({ folder, environment });
    this.#workers.add(process);
    return process;
  }

  order(change: Partial<WorkerOrder> = {}): WorkerOrder {
    return {
      installation: this.installation,
      concurrency: 16,
      leaseMs: rigLeaseMs,
      callDeadlineMs: rigCallDeadlineMs,
      // What they tell is searched for secrets.
      logLevel: 'debug',
      points: [],
      stopAtWebhook: null,
      isTwice: false,
      ...change,
    };
  }

  /** Asks for the rotation of a secret, and rings. */
  async ask(secret: CrashSecret, rotationId = this.state.newRotationId()): Promise<string> {
    const { config } = this;
    const { environment } = names;
    const request = {
      rotationId,
      trigger: 'demand',
      reason: 'a test',
      requestedBy: 'local:test',
      repair: false,
    } as const;
    const plan = planFor({ config, environment, path: secret.path, ...request });
    const accepted = await this.state.accept(plan, claimsFor(secretOf(config, environment, secret.path)));
    if (accepted.kind !== 'accepted') throw new Error(`${secret.id} was ${accepted.kind}`);
    await this.state.ring(rotationId).catch(() => undefined);
    return rotationId;
  }

  /** Waits until these rotations have ended or are parked. *Returns* how each of them stands. */
  async atRest(rotationIds: readonly string[]): Promise<ReadonlyMap<string, Standing>> {
    let last: ReadonlyMap<string, Standing> = new Map();
    await eventually(
      `${rotationIds.length} rotation(s) come to rest`,
      async () => {
        last = await this.standing(rotationIds);
        return [...last.values()].every(({ status }) => status !== 'running' && status !== 'rolling_back');
      },
      { maxMs: restWithinMs, everyMs: 100 },
    ).catch(() => undefined);
    return last;
  }

  async standing(rotationIds: readonly string[]): Promise<ReadonlyMap<string, Standing>> {
    const { rows } = await this.pool.query<Standing & { readonly rotationId: string }>(
      `SELECT rotation_id AS "rotationId", status, step, code FROM keyturn.rotations WHERE rotation_id = ANY ($1)`,
      [rotationIds],
    );
    return new Map(rows.map(({ rotationId, ...standing }) => [rotationId, standing]));
  }

  /**
   * Kills what still runs and takes everything down. *Repeat*: harmless. *Errors*: a value that a rotator generated, or
   * a secret of the rig, is anywhere in the servers, their files and logs, or what workers have told.
   */
  async close(): Promise<void> {
    if (this.#closers.length === 0) return;
    const workers = [...this.#workers];
    const shown = await shownBy(workers);
    await Promise.all(workers.map((worker) => worker.kill()));
    try {
      const { folder } = this.installation;
      const { queueUrl } = this.straight;
      await refuseLeaksOf({ folder, queueUrl, servers: this.#servers, workers }, shown);
    } finally {
      for (const close of this.#closers.splice(0).reverse()) await close();
    }
  }
}

/** Where a rotation stands. */
export interface Standing {
  readonly status: Status;
  readonly step: string;
  readonly code: string | null;
}

type Straight = Pick<Installation, 'stateUrl' | 'queueUrl' | 'targetPort'>;

interface Opened
  extends Pick<Rig, 'installation' | 'straight' | 'pool' | 'store' | 'state' | 'targets' | 'targetServer'> {
  /** Every PostgreSQL there is. */
  readonly servers: readonly GivenServer[];
  readonly closers: (() => Promise<unknown>)[];
}

async function open(
  { queue, secrets, via, settings = {}, ...given }: RigOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Opened> {
  const server = await startTestPostgres(18, { max_connections: '600', log_statement: 'none', ...settings });
  closers.push(() => server.stop());
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-crash-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const targetServer = { url: server.url, log: server.serverLogPath };
  const { stateServer = targetServer } = given;
  const queueServer = given.queueServer ?? (queue === 'postgres' ? stateServer : await ownRedis(closers));
  const servers = [...new Set([targetServer, stateServer, ...(queue === 'postgres' ? [queueServer] : [])])];
  const stateUrl = await newDatabase(stateServer, 'keyturn_state');
  await migrate(stateUrl);
  const isShared = queueServer === stateServer || queue === 'redis';
  const queueUrl = isShared ? queueServer.url('keyturn_state') : await newDatabase(queueServer, 'keyturn_queue');
  if (queue === 'postgres') await migrateQueue(queueUrl);
  const keyFile = join(folder, names.key);
  await createKeyFile(keyFile);
  const adminPassword = randomBytes(24).toString('base64url');
  await writeFile(join(folder, names.adminPassword), adminPassword, { mode: 0o600 });
  const key = await newKey(join(folder, names.consumerKey));
  await newKey(join(folder, names.webhookKey));
  const provider = await providerOf(secrets, closers);
  await writeFile(join(folder, names.providerToken), provider?.admin.secret ?? canary(), { mode: 0o600 });
  const at = { folder, adminPassword: Secret.fromText(adminPassword), provider };
  const targets = await openTargets(server.url('postgres'), at);
  closers.push(() => targets.close());
  const pool = createPool(stateUrl, { sessions: 8 });
  closers.push(() => pool.end());
  const keyring = await localKeyring(keyFile);
  const store = postgresStoreReader({ pool, keyring });
  const own = secrets.map((each, index): CrashSecret => {
    const path = `/${each.kind}/${index}`;
    return { ...each, path, id: `${names.environment}:${path}`, name: `s${index}` };
  });
  const consumer = await consumerOf(key, own, store);
  closers.push(() => consumer.close());
  const straight = { stateUrl, queueUrl, targetPort: server.port };
  const installation = {
    ...straight,
    folder,
    providerUrl: provider?.url ?? null,
    consumerUrl: consumer.url,
    webhookUrl: given.webhookUrl ?? null,
    secrets: own,
    ...(await via?.(straight)),
  };
  await register(configOf(installation), pool);
  const first = await targets.adopt(own);
  await Promise.all(
    own.map(({ id, kind }, index) =>
      putInitial(
        { pool, keyring },
        {
          secret: id,
          value: renderCredential(first[index]!, fieldsOf(kind)),
          by: 'local:test',
          reason: 'made by hand',
        },
      ),
    ),
  );
  const state = await openState({ database: stateUrl, queue: queueUrl });
  closers.push(() => state.close());
  return { installation, straight, pool, store, state, targets, targetServer, servers, closers };
}

/** A provider of API keys in this process, which nobody kills; null where no secret is a key. */
async function providerOf(
  secrets: RigOptions['secrets'],
  closers: (() => Promise<unknown>)[],
): Promise<ScriptedProvider | null> {
  if (!secrets.some(({ kind }) => kind === 'api-key')) return null;
  const provider = await ScriptedProvider.start();
  closers.push(() => provider.close());
  return provider;
}

/** Writes a key as Standard Webhooks has it into a file. *Returns* it. */
async function newKey(file: string): Promise<string> {
  const key = `whsec_${randomBytes(32).toString('base64')}`;
  await writeFile(file, key, { mode: 0o600 });
  return key;
}

/** A Redis of our own: the shared one has workers of other tests, which would take our rings. */
async function ownRedis(closers: (() => Promise<unknown>)[]): Promise<GivenServer> {
  const redis = await startRedis();
  if (redis.kind === 'unavailable') throw new Error(redis.reason);
  closers.push(() => redis.stop());
  return { url: () => redis.url, log: null };
}

async function newDatabase(server: GivenServer, name: string): Promise<string> {
  const superuser = new pg.Client(server.url('postgres'));
  await superuser.connect();
  await superuser.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  await superuser.end();
  return server.url(name);
}

/** Proves what it is asked for, and refuses where the scenario of the secret says so. */
async function consumerOf(key: string, secrets: readonly CrashSecret[], store: StoreReader): Promise<CrashConsumer> {
  const byId = new Map(secrets.map((secret) => [secret.id, secret]));
  return startConsumer(key, async ({ secret: id, phase, version }: HeldChallenge): Promise<Held> => {
    const secret = byId.get(id)!;
    const { scenario } = secret;
    if (scenario === `${phase} refused`) return { kind: 'refuses', reason: 'it does not work' };
    const stored = await store.readCurrent(id, version);
    if (stored === null) return { kind: 'pending' };
    return { kind: 'uses', value: openSecret(credentialIn(stored.value, secret).value) };
  });
}
