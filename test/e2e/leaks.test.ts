import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { build, built } from '../support/built.js';
import { type DemoEnd, type RunningDemo, startChangedDemo } from '../support/demo.js';
import { eventually } from '../support/eventually.js';
import { type KnownValue, type Sink, type Sinks, scanSinks } from '../support/leak-scanner.js';
import { expectNoLeaks } from '../support/no-leaks.js';
import { clusterFilesOf, statementsOf, tablesOf } from '../support/postgres-sinks.js';
import { childrenOf } from '../support/processes.js';
import { keysOf, redisFilesOf } from '../support/redis-sinks.js';
import { type TestRedis, startRedis } from '../support/redis.js';
import { filesAt, processesOf, textSink } from '../support/sinks.js';
import { testServerSettings, withDatabase } from '../support/test-server.js';
import { type ObservedWorker, observeWorker } from './observed-worker.js';

const maxMs = 300_000;
const redisUrl = inject('redis').url;

/** What a held demo tells: where everything is, and every value that it still can read. */
interface Held {
  readonly url: string;
  readonly serverLog: string;
  readonly folder: string;
  readonly values: readonly string[];
  readonly running: { readonly apps: readonly number[]; readonly workers: readonly number[] };
}

/** Files of the demo's folder that hold a secret because it must be somewhere. */
const applications = ['billing-canary', 'billing-next', 'billing-app', 'billing-reports'];
const secretFiles = ['admin-password', 'keyturn.key', ...applications.map((name) => `${name}.key`)];

/** A Redis of our own: the shared one has workers of other tests, which would take our rings. */
let redis: TestRedis | undefined;

beforeAll(async () => {
  await build();
  if (redisUrl !== undefined) redis = await startRedis();
}, maxMs);

afterAll(async () => {
  if (redis?.kind === 'running') await redis.stop();
});

/** Plays the demo with everything that can be logged being logged, and holds it when all has happened. */
async function heldDemo(queueUrl?: string): Promise<{ readonly held: Held; readonly demo: RunningDemo }> {
  const demo = await startChangedDemo({
    holds: true,
    logLevel: 'debug',
    serverSettings: testServerSettings,
    ...(queueUrl === undefined ? {} : { queueUrl }),
  });
  const message = once(demo.child, 'message') as Promise<[Held]>;
  const first = await Promise.race([message, demo.ended]);
  if (!Array.isArray(first)) throw new Error(`the demo ended before it was held: ${first.told}`);
  return { held: first[0], demo };
}

async function letGo(demo: RunningDemo): Promise<DemoEnd> {
  demo.child.send('go on');
  return demo.ended;
}

const generated = ({ values }: Held): readonly (KnownValue & { readonly value: string })[] =>
  values.map((value, index) => {
    const { password } = JSON.parse(value) as { readonly password: string };
    return { name: `version ${index + 1}`, value: password };
  });

/** The secrets of the demo itself. */
async function known({ folder }: Held): Promise<readonly KnownValue[]> {
  return Promise.all(
    secretFiles.map(async (name) => ({ name, value: (await readFile(join(folder, name), 'utf8')).trim() })),
  );
}

async function* folderOf({ folder }: Held): ReturnType<typeof filesAt> {
  for await (const sink of filesAt(folder)) if (!secretFiles.includes(sink.name)) yield sink;
}

/**
 * The processes of the demo that are still its own. One of its workers was killed: by now its number may be another
 * process's, of another test or of nobody we know.
 */
function runningOf({ running }: Held, { child }: RunningDemo, among = [...running.apps, ...running.workers]): number[] {
  const children = new Set(childrenOf(child.pid ?? 0));
  return among.filter((pid) => children.has(pid));
}

const sinksOf = (held: Held, demo: RunningDemo): readonly Sinks[] => [
  tablesOf(held.url),
  statementsOf(held.url),
  clusterFilesOf(held.url),
  filesAt(held.serverLog, 'server log'),
  folderOf(held),
  processesOf(runningOf(held, demo)),
  textSink('what the demo told', `${demo.told()}\n${demo.printed()}`),
];

async function run(url: string, database: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client(withDatabase(url, database));
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/**
 * Has a worker of its own begin one more rotation, write down all it can while the new value is live, and crash in the
 * middle: the applications have finished, so the canary is asked for in vain. The demo's own workers have ended by then.
 */
async function crashInTheMiddle(held: Held, demo: RunningDemo): Promise<{ worker: ObservedWorker; pages: string }> {
  const { url, folder } = held;
  const configFile = join(folder, 'keyturn.config.ts');
  const databaseUrl = withDatabase(url, 'keyturn_state');
  const workers = (): number[] => runningOf(held, demo, [...held.running.workers]);
  for (const pid of workers()) process.kill(pid, 'SIGTERM');
  await eventually('the workers of the demo have ended', () => workers().length === 0, { maxMs: 60_000 });
  const worker = await observeWorker({ configFile, databaseUrl, queueUrl: databaseUrl });
  await promisify(execFile)(
    process.execPath,
    [
      built('src/cli/bin.js'),
      ...['rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a scan', '--config', configFile],
    ],
    { cwd: '/', env: { PATH: process.env['PATH'], KEYTURN_DATABASE_URL: databaseUrl, JITI_FS_CACHE: 'false' } },
  );
  await eventually(
    'the canary is asked for',
    async () => (await run(url, 'keyturn_state', `SELECT FROM keyturn.rotations WHERE step = 'canary'`)).length === 1,
    { maxMs: 120_000 },
  ).catch(async (error: unknown) => {
    const rows = await run(url, 'keyturn_state', 'SELECT rotation_id, status, step, code FROM keyturn.rotations');
    throw new Error(`${JSON.stringify(rows)} ${worker.output()}`, { cause: error });
  });
  await worker.report();
  const pages = await worker.pages();
  await worker.crash();
  return { worker, pages };
}

/** What is told of a part that is in the planted value and in another, by chance. */
const sharedWith = (name: string, found: ReadonlySet<string>): readonly string[] =>
  [...found].filter((names) => names.split(' or ').includes(name));

async function all(sinks: AsyncIterable<Sink>): Promise<readonly Sink[]> {
  const found: Sink[] = [];
  for await (const sink of sinks) found.push(sink);
  return found;
}

test(
  'no generated value is in any table, file, log, statement, webhook, report or process, and what is planted is found',
  async (context) => {
    const { held, demo } = await heldDemo();
    const values = generated(held);
    expect(values).toHaveLength(4);
    // They are gone later.
    const processes = await all(processesOf(runningOf(held, demo)));
    const { worker, pages } = await crashInTheMiddle(held, demo);
    expect(worker.output()).toContain('UNEXPECTED: the command broke off (Error)');
    expect(pages).toContain('keyturn_');

    const { names } = await expectNoLeaks(context, {
      of: 'the demo',
      generated: values,
      known: await known(held),
      sinks: [
        ...sinksOf(held, demo),
        ...processes,
        textSink('output of a crashed worker', worker.output()),
        textSink('metrics and health', pages),
        filesAt(worker.reports, 'diagnostic reports'),
      ],
    });

    expect(names).toEqual(
      expect.arrayContaining([
        'keyturn_state keyturn.journal',
        'keyturn_state keyturn.deliveries',
        'keyturn_state keyturn.sealed_values',
        'keyturn_state bullmq.job',
        'billing pg_catalog.pg_authid',
        'billing public.payments',
        'billing pg_stat_activity',
        'pg_stat_statements',
        expect.stringMatching(/^pg_wal\/[0-9A-F]{24}$/),
        expect.stringMatching(/^base\/\d+\/\d+$/),
        'server log',
        'worker-1.log',
        'worker-2.log',
        'worker-3.log',
        ...applications.map((name) => `${name}.log`),
        'webhooks',
        'cmdline of a process',
        'environ of a process',
        expect.stringMatching(/^diagnostic reports\/report/),
      ]),
    );
    expect(await readFile(held.serverLog, 'utf8')).toContain('ALTER ROLE');
    expect(await readFile(join(held.folder, 'webhooks'), 'utf8')).toMatch(/webhook-signature: v1,/i);

    const value = values[2]?.value ?? '';
    const bytes = Buffer.from(value);
    await run(held.url, 'keyturn_state', `COMMENT ON TABLE keyturn.journal IS '${bytes.toString('base64')}'`);
    await run(held.url, 'keyturn_state', `CREATE TABLE bullmq.planted AS SELECT '{"v":"${value}"}'::jsonb AS data`);
    await run(held.url, 'billing', `CREATE TABLE planted AS SELECT '\\x${bytes.toString('hex')}'::bytea AS content`);
    await appendFile(join(held.folder, 'worker-1.log'), `{"message":"${encodeURIComponent(value)}"}\n`);
    const planted = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', value], {
      env: { PLANTED: bytes.toString('base64url') },
      stdio: 'ignore',
    });
    onTestFinished(() => void planted.kill('SIGKILL'));
    await once(planted, 'spawn');

    const found = await scanSinks(values, [...sinksOf(held, demo), processesOf([planted.pid ?? 0])]);

    const foundValues = new Set(found.leaks.map(({ value: name }) => name));
    expect(foundValues).toEqual(new Set(['version 3', 'a generated value', ...sharedWith('version 3', foundValues)]));
    expect([...new Set(found.leaks.map(({ sink }) => sink))]).toEqual(
      expect.arrayContaining([
        'keyturn_state pg_catalog.pg_description',
        'keyturn_state bullmq.planted',
        'billing public.planted',
        'worker-1.log',
        'cmdline of a process',
        'environ of a process',
        'server log',
        expect.stringMatching(/^pg_wal\//),
      ]),
    );
    expect((await letGo(demo)).status).toBe(0);
  },
  maxMs,
);

test.skipIf(redisUrl === undefined)(
  'no generated value is in a Redis that holds the queue, and what is planted there is found (needs a Redis)',
  async (context) => {
    const queueUrl = redis?.kind === 'running' ? redis.url : '';
    const { held, demo } = await heldDemo(queueUrl);
    const values = generated(held);
    expect(values).toHaveLength(4);

    const { names } = await expectNoLeaks(context, {
      of: 'the demo with its queue on Redis',
      generated: values,
      known: await known(held),
      sinks: [...sinksOf(held, demo), keysOf(queueUrl), redisFilesOf(queueUrl)],
    });

    expect(names).toEqual(expect.arrayContaining([expect.stringMatching(/^key /), 'Redis dump']));
    const client = new Redis(queueUrl);
    await client.hset('planted', 'data', Buffer.from(values[0]?.value ?? '').toString('base64'));
    client.disconnect();
    const found = await scanSinks(values, [keysOf(queueUrl), redisFilesOf(queueUrl)]);
    expect(found.leaks.map(({ sink }) => sink)).toEqual(expect.arrayContaining(['key planted', 'Redis dump']));
    for (const pid of runningOf(held, demo, [...held.running.workers])) process.kill(pid, 'SIGUSR2');
    await eventually(
      'what workers print, and leave among the temporary files, is found',
      async () => {
        const { leaks } = await scanSinks([], [folderOf(held)]);
        const sinks = leaks.map(({ sink }) => sink);
        return sinks.includes('planted') && sinks.some((sink) => /^worker-\d\.log$/.test(sink));
      },
      { maxMs: 60_000, everyMs: 200 },
    );
    expect((await letGo(demo)).status).toBe(0);
  },
  maxMs,
);
