import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { keyturnError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { canary } from './canary.mjs';
import { type Leak, type Sinks, scanSinks } from './leak-scanner.js';
import { clusterFilesOf, statementsOf, tablesIn, tablesOf } from './postgres-sinks.js';
import { canSeeProcesses } from './processes.js';
import { keysOf, redisFilesOf } from './redis-sinks.js';
import { startRedis } from './redis.js';
import { errorSink, filesAt, processesOf, textSink } from './sinks.js';
import { temporaryFolder } from './temporary-folder.js';
import { startTestPostgres } from './test-server.js';

async function leaksIn(...sinks: readonly Sinks[]): Promise<readonly Leak[]> {
  return (await scanSinks([], sinks)).leaks;
}

const namesOf = (leaks: readonly Leak[]): readonly string[] => [...new Set(leaks.map(({ sink }) => sink))];

// What is planted here must not be found at the end of the run, so it goes to servers of our own.
describe('on a PostgreSQL, what is planted is found', () => {
  let server: EmbeddedPostgres | undefined;
  const at = (database = 'postgres'): string => server!.url(database);

  beforeAll(async () => {
    server = await startTestPostgres(18);
  });
  afterAll(async () => server?.stop());

  async function session(): Promise<pg.Client> {
    const client = new pg.Client(at());
    await client.connect();
    onTestFinished(async () => client.end());
    return client;
  }

  test('nowhere before', async () => {
    await (await session()).query('SELECT 1');

    const log = filesAt(server!.serverLogPath, 'server log');
    expect(await leaksIn(tablesOf(at()), statementsOf(at()), clusterFilesOf(at()), log)).toEqual([]);
  });

  test('in a row, in whatever type', async () => {
    const client = await session();
    const value = canary();
    await client.query('CREATE TABLE planted (a text, b jsonb, c bytea, d text[])');
    const bytes = Buffer.from(value);
    await client.query('INSERT INTO planted (a) VALUES ($1)', [`x${value}`]);
    expect(await leaksIn(tablesIn(at(), { catalogue: false }))).toMatchObject([{ encoding: 'clear' }]);
    await client.query('UPDATE planted SET a = NULL, b = $1', [{ v: bytes.toString('base64') }]);
    expect(await leaksIn(tablesIn(at(), { catalogue: false }))).toMatchObject([{ encoding: 'base64' }]);
    await client.query('UPDATE planted SET b = NULL, c = $1', [bytes]);
    expect(await leaksIn(tablesIn(at(), { catalogue: false }))).toMatchObject([{ encoding: 'hex' }]);
    await client.query('UPDATE planted SET c = NULL, d = $1', [[value]]);
    expect(await leaksIn(tablesIn(at(), { catalogue: false }))).toMatchObject([{ sink: 'postgres public.planted' }]);
    await client.query('DROP TABLE planted');
  });

  test('in the files of a table, after its row was deleted, and in the write-ahead log', async () => {
    const client = await session();
    await client.query('CREATE TABLE deleted (a text)');
    await client.query(`INSERT INTO deleted SELECT $1`, [canary()]);
    await client.query('DELETE FROM deleted');

    expect(await leaksIn(tablesIn(at(), { catalogue: false }))).toEqual([]);
    expect(namesOf(await leaksIn(clusterFilesOf(at())))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^base\//), expect.stringMatching(/^pg_wal\//)]),
    );
  });

  test('in the catalogue: a comment, and a default as a parse tree', async () => {
    const client = await session();
    await client.query(`COMMENT ON ROLE postgres IS '${canary()}'`);
    await client.query(`CREATE TABLE defaulted (a text DEFAULT '${canary()}')`);

    const leaks = await leaksIn(tablesOf(at()));

    expect(leaks).toContainEqual({
      value: 'a generated value',
      sink: 'postgres pg_catalog.pg_shdescription',
      encoding: 'clear',
    });
    expect(leaks).toContainEqual({
      value: 'a generated value',
      sink: 'postgres pg_catalog.pg_attrdef',
      encoding: 'decimal',
    });
  });

  test('in the activity of another session', async () => {
    await (await session()).query(`SELECT '${canary()}'`);

    expect(namesOf(await leaksIn(tablesOf(at())))).toContain('postgres pg_stat_activity');
  });

  test('in what the server remembers of statements', async () => {
    await (await session()).query(`COMMENT ON DATABASE postgres IS '${canary()}'`);

    expect(namesOf(await leaksIn(statementsOf(at())))).toEqual(['pg_stat_statements']);
  });

  test.each([
    ['a statement', async (client: pg.Client) => client.query(`SELECT '${canary()}'`)],
    ['what was bound to one', async (client: pg.Client) => client.query('SELECT $1::text', [canary()])],
    ['a statement that fails', async (client: pg.Client) => client.query(`ALTER ROLE nobody PASSWORD '${canary()}'`)],
    ['what was bound to one that fails', async (client: pg.Client) => client.query('SELECT 1 / $1::int', [canary()])],
  ])('in the server log: %s', async (_, write) => {
    const log = await temporaryFolder();
    const own = await startTestPostgres(18, { log_directory: log, logging_collector: 'off' });
    onTestFinished(async () => own.stop());
    const client = new pg.Client(own.url('postgres'));
    await client.connect();

    await write(client).catch(() => undefined);

    await client.end();
    expect(namesOf(await leaksIn(filesAt(own.serverLogPath, 'server log')))).toEqual(['server log']);
  });
});

describe('on a Redis, what is planted is found (needs a Redis)', () => {
  async function ownRedis(): Promise<{ readonly url: string; readonly client: Redis } | undefined> {
    const redis = await startRedis();
    if (redis.kind === 'unavailable' || redis.source === 'URL') return undefined;
    const client = new Redis(redis.url);
    onTestFinished(async () => {
      client.disconnect();
      await redis.stop();
    });
    return { url: redis.url, client };
  }

  test('in a key of whatever type, in the dump, and in the log of commands after the key has gone', async (context) => {
    const own = await ownRedis();
    if (own === undefined) return context.skip('no Redis of our own');
    const { url, client } = own;
    await client.set('harmless', 'nothing');
    expect(await leaksIn(keysOf(url), redisFilesOf(url))).toEqual([]);
    await client.set('a string', canary());
    await client.hset('a hash', 'field', Buffer.from(canary()).toString('hex'));
    await client.rpush('a list', 'x', canary());
    await client.sadd('a set', canary());
    await client.zadd('a sorted set', 1, canary());
    await client.xadd('a stream', '*', 'field', canary());
    await client.set(`a name ${canary()}`, '');

    const leaks = await leaksIn(keysOf(url), redisFilesOf(url));

    const names = namesOf(leaks);
    for (const type of ['string', 'hash', 'list', 'set', 'sorted set', 'stream'])
      expect(names).toContain(`key a ${type}`);
    expect(names).toContainEqual(expect.stringMatching(/^key a name/));
    expect(names).toContain('Redis dump');
    await client.flushall();
    expect(await leaksIn(keysOf(url))).toEqual([]);
    expect(namesOf(await leaksIn(redisFilesOf(url)))).toEqual([expect.stringMatching(/^Redis log of commands/)]);
  });
});

describe('of processes and files, what is planted is found', () => {
  test.skipIf(!canSeeProcesses)('in arguments and environment (needs /proc)', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', canary()], {
      env: { PLANTED: encodeURIComponent(canary()) },
      stdio: 'ignore',
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');

    expect(namesOf(await leaksIn(processesOf([child.pid ?? 0])))).toEqual([
      'cmdline of a process',
      'environ of a process',
    ]);
  });

  test('in a file, however deep, and nothing where there is none', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'a', 'b'), { recursive: true });
    await writeFile(join(folder, 'a', 'harmless'), 'nothing');
    await writeFile(join(folder, 'a', 'b', 'left'), `{"v":"${canary()}"}`);

    expect(namesOf(await leaksIn(filesAt(folder)))).toEqual(['a/b/left']);
    expect(await leaksIn(filesAt(join(folder, 'missing')))).toEqual([]);
  });

  test('in what a process writes when it crashes, and in its diagnostic report', async () => {
    const reports = await temporaryFolder();
    const child = spawn(
      process.execPath,
      ['--report-uncaught-exception', '--report-directory', reports, '-e', `throw new Error('said ${canary()}')`],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await once(child, 'close');

    expect(namesOf(await leaksIn(textSink('stderr', stderr), filesAt(reports, 'reports')))).toEqual([
      'stderr',
      expect.stringMatching(/^reports\/report/),
    ]);
  });
});

describe('of an error, what is planted is found', () => {
  const withStack = (value: string): Error =>
    Object.assign(new Error('said'), { stack: `Error: said\n    at ${value}` });
  const places: Readonly<Record<string, (value: string) => unknown>> = {
    'its message': (value) => new Error(`said ${value}`),
    'its stack': withStack,
    'a property': (value) => Object.assign(new Error('said'), { config: { headers: { value } } }),
    'a hidden property': (value) => Object.defineProperty(new Error('said'), 'hidden', { value, enumerable: false }),
    'a property named by a symbol': (value) => Object.assign(new Error('said'), { [Symbol('hidden')]: value }),
    'the cause of its cause': (value) => new Error('said', { cause: new Error('why', { cause: withStack(value) }) }),
    'an error of many': (value) => new AggregateError([new Error('one'), new Error(value)], 'said'),
    'a map': (value) => Object.assign(new Error('said'), { map: new Map([['key', new Set([value])]]) }),
    bytes: (value) => Object.assign(new Error('said'), { body: Buffer.from(value) }),
    'a getter': (value) => Object.defineProperty(new Error('said'), 'got', { get: () => value, enumerable: true }),
    'what was thrown': (value) => value,
    'the cause of one of ours': (value) => keyturnError('QUEUE_UNAVAILABLE', {}, new Error(value)),
  };

  test.each(Object.entries(places))('in %s', async (_, make) => {
    expect(namesOf(await leaksIn(errorSink('thrown', make(canary()))))).toEqual(['thrown']);
  });

  test('nothing of a Secret that hangs on it', async () => {
    const error = Object.assign(new Error('said'), { value: Secret.fromText(canary()) });

    expect(await leaksIn(errorSink('thrown', error))).toEqual([]);
  });
});
