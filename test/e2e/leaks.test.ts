import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { build } from '../support/built.js';
import { type DemoEnd, type RunningDemo, startChangedDemo } from '../support/demo.js';
import { type KnownValue, type Sink, findLeaks } from '../support/leak-scanner.js';
import { type TestRedis, startRedis } from '../support/redis.js';
import { filesAt, keysOf, processesOf, tablesOf } from '../support/sinks.js';
import { withDatabase } from '../support/test-server.js';

const maxMs = 240_000;
const redisUrl = inject('redis').url;

/** What a held demo tells: where everything is, and every value it has generated. */
interface Held {
  readonly url: string;
  readonly serverLog: string;
  readonly folder: string;
  readonly values: readonly string[];
  readonly processes: readonly number[];
}

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
    serverSettings: { log_statement: 'all', log_min_error_statement: 'debug5', log_connections: 'on' },
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

const known = ({ values }: Held): readonly (KnownValue & { readonly value: string })[] =>
  values.map((value, index) => {
    const { password } = JSON.parse(value) as { readonly password: string };
    return { name: `version ${index + 1}`, value: password };
  });

async function sinksOf(held: Held, queueUrl?: string): Promise<readonly Sink[]> {
  return [
    ...(await tablesOf(held.url)),
    ...(await filesAt(held.serverLog)),
    ...(await filesAt(held.folder)),
    ...(await processesOf(held.processes)),
    ...(queueUrl === undefined ? [] : await keysOf(queueUrl)),
  ];
}

async function run(url: string, database: string, text: string): Promise<void> {
  const client = new pg.Client(withDatabase(url, database));
  await client.connect();
  await client.query(text);
  await client.end();
}

test(
  'no generated value is in any table, log or process, and what is planted there is found',
  async () => {
    const { held, demo } = await heldDemo();
    const values = known(held);
    expect(values).toHaveLength(4);
    const sinks = await sinksOf(held);
    expect(sinks.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'keyturn_state keyturn.journal',
        'keyturn_state keyturn.deliveries',
        'keyturn_state keyturn.sealed_values',
        'keyturn_state bullmq.job',
        'billing pg_catalog.pg_authid',
        'billing public.payments',
        'worker-1.log',
        'worker-2.log',
        'worker-3.log',
        'cmdline of a process',
        'environ of a process',
      ]),
    );
    const log = sinks.find(({ name }) => name === held.serverLog.split('/').at(-1));
    expect(log?.content.toString()).toContain('ALTER ROLE');

    expect(findLeaks(values, [...sinks, { name: 'what the demo told', content: Buffer.from(demo.told()) }])).toEqual(
      [],
    );

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
    const again = await sinksOf({ ...held, processes: [planted.pid ?? 0] });

    const found = findLeaks(values, again);

    expect(new Set(found.map(({ value: name }) => name))).toEqual(new Set(['version 3']));
    expect([...new Set(found.map(({ sink }) => sink))]).toEqual(
      expect.arrayContaining([
        'keyturn_state pg_catalog.pg_description',
        'keyturn_state bullmq.planted',
        'billing public.planted',
        'worker-1.log',
        'cmdline of a process',
        'environ of a process',
        held.serverLog.split('/').at(-1),
      ]),
    );
    expect((await letGo(demo)).status).toBe(0);
  },
  maxMs,
);

test.skipIf(redisUrl === undefined)(
  'no generated value is in a Redis that holds the queue, and what is planted there is found (needs a Redis)',
  async () => {
    const queueUrl = redis?.kind === 'running' ? redis.url : '';
    const { held, demo } = await heldDemo(queueUrl);
    const values = known(held);
    expect(values).toHaveLength(4);
    const keys = await keysOf(queueUrl);
    expect(keys.length).toBeGreaterThan(0);

    expect(findLeaks(values, await sinksOf(held, queueUrl))).toEqual([]);

    const client = new Redis(queueUrl);
    await client.hset('planted', 'data', Buffer.from(values[0]?.value ?? '').toString('base64'));
    client.disconnect();
    expect(findLeaks(values, await keysOf(queueUrl)).map(({ sink }) => sink)).toContain('key planted');
    expect((await letGo(demo)).status).toBe(0);
  },
  maxMs,
);
