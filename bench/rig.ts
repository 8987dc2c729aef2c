import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { migrateQueue } from '../src/adapters/bullmq/migrate-queue.js';
import { createKeyFile } from '../src/adapters/local-keyring/key-file.js';
import { migrate } from '../src/adapters/postgres/migrate.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/embedded/postgres.js';

/** One server with state and target in separate databases, a configuration, and a worker of the built code. */
export interface Rig {
  readonly server: EmbeddedPostgres;
  readonly folder: string;
  readonly config: string;
  readonly stateUrl: string;
  readonly targetUrl: string;
  readonly adminPassword: string;
  /** Starts a worker with this many rotations at one time. */
  readonly worker: (concurrency: number) => Promise<{ readonly pid: number; readonly stop: () => Promise<void> }>;
  readonly close: () => Promise<void>;
}

/** The admin of the target: not a superuser, as in life. */
export const admin = 'bench_admin';

const quoted = pg.escapeIdentifier;
const bin = fileURLToPath(new URL('../dist/src/cli/bin.js', import.meta.url));

/** Puts it up, with `secrets` owner roles whose logins nobody has made yet. fsync is on. */
export async function startRig(secrets: number): Promise<Rig> {
  const server = await startEmbeddedPostgres({ fsync: true, settings: { max_connections: '400' } });
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-bench-'));
  const adminPassword = randomBytes(24).toString('base64url');
  await withClient(server.url('postgres'), async (client) => {
    await client.query(`CREATE ROLE ${admin} LOGIN CREATEROLE PASSWORD ${pg.escapeLiteral(adminPassword)}`);
    await client.query(`GRANT pg_read_all_stats, pg_signal_backend TO ${admin}`);
    await client.query('CREATE DATABASE keyturn_state');
    await client.query('CREATE DATABASE billing');
    for (let index = 0; index < secrets; index += 1) {
      for (const kind of ['kept', 'bare']) {
        const owner = quoted(`${kind}_${index}`);
        await client.query(
          `CREATE ROLE ${owner} NOLOGIN; GRANT ${owner} TO ${admin} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
        );
      }
    }
  });
  const stateUrl = server.url('keyturn_state');
  await migrate(stateUrl);
  await migrateQueue(stateUrl);
  await createKeyFile(join(folder, 'keyturn.key'));
  await writeFile(join(folder, 'admin-password'), adminPassword, { mode: 0o600 });
  const config = join(folder, 'keyturn.config.mjs');
  await writeFile(config, configText(server.port, secrets));
  return {
    server,
    folder,
    config,
    stateUrl,
    targetUrl: server.url('billing'),
    adminPassword,
    worker: (concurrency) => startWorker({ config, stateUrl, concurrency }),
    close: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for nothing, so that what is measured is work. */
function configText(port: number, secrets: number): string {
  return `import { defineConfig, file } from 'keyturn';
import postgres from 'keyturn/rotators/postgres';
const policy = { soak: '0s', grace: '0s', quiet: '0s', maxSessionAge: '0s', watch: '0s', poll: '1s' };
const secrets = Object.fromEntries(Array.from({ length: ${secrets} }, (_, i) => [
  '/bench/' + i,
  { target: 'billing', policy, config: { owner: 'kept_' + i, logins: ['kept_' + i + '_a', 'kept_' + i + '_b'] } },
]));
const billing = {
  rotator: postgres,
  concurrency: 64,
  config: { endpoints: [{ host: '127.0.0.1', port: ${port} }], database: 'billing', admin: { username: '${admin}', password: file('./admin-password') } },
};
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { bench: { targets: { billing }, secrets } } });
`;
}

/** Starts a worker of the built code, and waits until it works. */
export async function startWorker(start: {
  readonly config: string;
  readonly stateUrl: string;
  readonly concurrency: number;
}): Promise<{ readonly pid: number; readonly stop: () => Promise<void> }> {
  const child = spawn(
    process.execPath,
    [
      bin,
      'worker',
      '--config',
      start.config,
      '--concurrency',
      String(start.concurrency),
      '--health-port',
      'off',
      '--json',
    ],
    {
      env: { PATH: process.env['PATH'] ?? '', KEYTURN_DATABASE_URL: start.stateUrl, KEYTURN_LOG_LEVEL: 'error' },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  // A bench that is stopped leaves no worker behind.
  process.once('exit', () => child.kill('SIGKILL'));
  await ready(child);
  return {
    pid: child.pid ?? 0,
    stop: () =>
      new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

/** The worker's first line says that it works. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
  });
}

/** Megabytes that a process holds now, and held at most. */
export async function memoryMb(pid: number): Promise<{ readonly now: number; readonly most: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string): number =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
  return { now: mb('VmRSS'), most: mb('VmHWM') };
}

/** Lends one session. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
