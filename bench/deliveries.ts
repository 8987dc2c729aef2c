import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type RequestListener, createServer } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { migrateQueue } from '../src/adapters/bullmq/migrate-queue.js';
import { createKeyFile } from '../src/adapters/local-keyring/key-file.js';
import { migrate } from '../src/adapters/postgres/migrate.js';
import { startEmbeddedPostgres } from '../src/embedded/postgres.js';
import { processorMs, serverProcessorMs } from './processor-time.js';
import { startWorker, withClient } from './rig.js';

// One event that a thousand endpoints are told of, of which a twentieth takes connections and never answers, and a twentieth
// answers after five seconds. A worker of the built code, the queue in PostgreSQL, fsync on. Run: npm run bench:deliveries

const endpoints = 1_000;
const isDead = (index: number): boolean => index % 20 === 7;
const isSlow = (index: number): boolean => index % 20 === 13;
const slowMs = 5_000;
const rounds = 3;
/** Until the next event. Milliseconds. */
const roundMs = 15_000;
const goal = { allWithinMs: 10_000, healthyP99Ms: 1_000 };

/** When each endpoint that lives was first told in this round. Milliseconds of this process. */
const told = new Map<number, number>();

const answer: RequestListener = (request, response) => {
  const index = Number(request.url?.slice(1));
  if (!told.has(index)) told.set(index, performance.now());
  request.resume();
  setTimeout(() => response.writeHead(204).end(), isSlow(index) ? slowMs : 0);
};

const rate = (sum = 0): string => ((sum / roundMs) * 1_000).toFixed(1);

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const living = createServer(answer);
const dead = createSocketServer((socket) => socket.on('error', () => undefined).resume());
const [port, deadPort] = [await listening(living), await listening(dead)];
const urls = Array.from(
  { length: endpoints },
  (_, index) => `http://127.0.0.1:${isDead(index) ? deadPort : port}/${index}`,
);

const server = await startEmbeddedPostgres({ fsync: true, settings: { max_connections: '100' } });
await withClient(server.url('postgres'), (client) => client.query('CREATE DATABASE keyturn_state'));
const stateUrl = server.url('keyturn_state');
await migrate(stateUrl);
await migrateQueue(stateUrl);
const folder = await mkdtemp(join(tmpdir(), 'keyturn-bench-'));
await createKeyFile(join(folder, 'keyturn.key'));
await writeFile(join(folder, 'webhook.key'), `whsec_${randomBytes(32).toString('base64')}`, { mode: 0o600 });
const config = join(folder, 'keyturn.config.mjs');
await writeFile(
  config,
  `import { defineConfig, file } from 'keyturn';
import random from 'keyturn/rotators/random';
const webhooks = ${JSON.stringify(urls)}.map((url, index) => ({ name: 'endpoint-' + index, url, key: file('./webhook.key') }));
const app = { rotator: random, config: { folder: ${JSON.stringify(folder)}, name: 'app' } };
const bench = { targets: { app }, secrets: { '/bench/told': { target: 'app' } }, webhooks, allowPrivateAddresses: true };
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { bench } });
`,
);
const worker = await startWorker({ config, stateUrl, concurrency: 8 });

/** What it has taken so far: transactions of all that use the database, the queue included, and processor time. Milliseconds. */
async function spent(): Promise<readonly number[]> {
  const { transactions, serverMs } = await withClient(stateUrl, async (client) => {
    const { rows } = await client.query<{ count: string }>(
      'SELECT xact_commit AS count FROM pg_stat_database WHERE datname = current_database()',
    );
    return { transactions: Number(rows[0]?.count), serverMs: await serverProcessorMs(client) };
  });
  const { user, system } = process.cpuUsage();
  return [transactions, await processorMs(worker.pid), serverMs, (user + system) / 1_000];
}

/** What passed since then, without what an idle worker takes in the same time. */
async function spentSince(before: readonly number[], idle: readonly number[] = []): Promise<readonly number[]> {
  return (await spent()).map((each, index) => each - (before[index] ?? 0) - (idle[index] ?? 0));
}

const beforeIdle = await spent();
await delay(roundMs);
const idle = await spentSince(beforeIdle);
process.stdout.write(
  `${endpoints} endpoints, load ${loadavg()[0]?.toFixed(1)}; idle: ${rate(idle[0])} transactions/s, processor ms/s: worker ${rate(idle[1])}, PostgreSQL ${rate(idle[2])}\n`,
);
try {
  for (let round = 1; round <= rounds; round += 1) {
    told.clear();
    const before = await spent();
    const beganMs = performance.now();
    await withClient(stateUrl, (client) =>
      client.query(
        `SELECT keyturn.put_webhooks(s, NULL, clock_timestamp(), '[{"type": "rotation.promoted", "version": 2, "code": null}]') FROM keyturn.secrets s`,
      ),
    );
    await delay(roundMs);
    const healthy = [...told].filter(([index]) => !isSlow(index)).map(([, atMs]) => atMs - beganMs);
    healthy.sort((a, b) => a - b);
    const within = [...told.values()].filter((atMs) => atMs - beganMs <= goal.allWithinMs).length;
    const lives = urls.filter((_, index) => !isDead(index)).length;
    const p99 = healthy[Math.floor(healthy.length * 0.99)] ?? Number.NaN;
    const median = healthy[Math.floor(healthy.length / 2)] ?? Number.NaN;
    process.stdout.write(
      `event ${round}: ${within} of ${lives} that live were told within ${goal.allWithinMs / 1000} s; healthy ones after ${Math.round(median)} ms (median), ${Math.round(p99)} ms (p99, goal ${goal.healthyP99Ms})\n`,
    );
    const [transactions, ...each] = (await spentSince(before, idle)).map((sum) => (sum / endpoints).toFixed(2));
    process.stdout.write(
      `  of each: ${transactions} transactions, processor ms: worker ${each[0]}, PostgreSQL ${each[1]}, receivers ${each[2]}\n`,
    );
  }
} finally {
  await worker.stop();
  living.closeAllConnections();
  living.close();
  dead.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exit();
