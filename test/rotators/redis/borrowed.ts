import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Connection, RotatorContext, Secret } from 'keyturn/rotator';
import { Secret as SecretValue } from 'keyturn/rotator';
import redis from 'keyturn/rotators/redis';
import { describe, onTestFinished } from 'vitest';
import type { RedisConfig } from '../../../rotators/redis/config.js';
import { fetchDebianRedis, findRedisOnPath } from '../../support/redis-program.js';
import { findFreePort, holdRedis } from '../../support/redis.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { contextOf, textOf } from '../postgres/borrowed.js';

// A server of its own for each test: accounts belong to a whole server, and so does the file it keeps them in.
const program = (await findRedisOnPath()) ?? (await fetchDebianRedis());
if (typeof program === 'string' && process.env['REQUIRE_REDIS'] === '1') throw new Error(program);

/** A `describe` for what needs the program of a server; where there is none its tests are skipped, by a name that says why. */
export function describeWithProgram(name: string, body: () => void): void {
  if (typeof program === 'string') describe.skip(`${name} (skipped: ${program})`, body);
  else describe(name, body);
}

/** One server of one test. */
export interface Server {
  readonly port: number;
  readonly folder: string;
  /** The session of a person who may do everything. */
  readonly person: Redis;
  /** Starts it anew, from what it had written down. */
  readonly restart: () => Promise<void>;
  /** SIGSTOP, until the test has finished. */
  readonly pause: () => Promise<void>;
}

/** The words by which a test server keeps its accounts in a file. */
export const withFile = (folder: string): readonly string[] => ['--aclfile', join(folder, 'users.acl')];

/** Starts a server for the running test. `accounts` are lines of its file, `files` others beside it. */
export async function borrowServer({
  settings = withFile,
  accounts = ['user keyturn-system-one off'],
  files = {},
}: {
  readonly settings?: (folder: string) => readonly string[];
  readonly accounts?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
} = {}): Promise<Server> {
  if (typeof program === 'string') throw new Error(program);
  const folder = await temporaryFolder();
  const contents = { 'users.acl': accounts.map((line) => `${line}\n`).join(''), ...files };
  await Promise.all(Object.entries(contents).map(async ([name, text]) => writeFile(join(folder, name), text)));
  const port = await findFreePort();
  const place = { port, folder, isKept: true, settings: [...settings(folder), '--logfile', join(folder, 'log')] };
  const start = async (): Promise<() => Promise<void>> => {
    const held = await holdRedis(program, place);
    if (held === undefined) throw new Error('the server does not start');
    return held.stop;
  };
  let stop = await start();
  const person = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 50 });
  person.on('error', () => {});
  onTestFinished(async () => {
    person.disconnect();
    await stop();
  });
  return {
    port,
    folder,
    person,
    restart: async () => {
      await stop();
      stop = await start();
    },
    pause: async () => {
      const pid = Number(/process_id:(\d+)/.exec(await person.info('server'))?.[1]);
      process.kill(pid, 'SIGSTOP');
      onTestFinished(() => void process.kill(pid, 'SIGCONT'));
    },
  };
}

/** What one test owns at a server. */
export interface Borrowed extends Server {
  readonly connection: Connection;
  readonly configure: (change?: Readonly<Record<string, unknown>>) => RedisConfig;
  readonly open: (change?: Readonly<Record<string, unknown>>) => Connection;
  /** Logs in as a consumer would. Ended when the test has finished. *Errors*: what the server says. */
  readonly logIn: (identity: string, value: Secret | string) => Promise<Redis>;
  readonly ctx: (rotationId: string, change?: Partial<RotatorContext>) => RotatorContext;
}

/** What the accounts of these tests may do. */
export const rules = ['~app:*', '+@read', '+@write', '+ping'] as const;

/** Borrows a server with an admin that has what it needs and no more. */
export async function borrowTarget(server?: Server): Promise<Borrowed> {
  const borrowed = server ?? (await borrowServer());
  const { port, person } = borrowed;
  const password = randomBytes(12).toString('hex');
  const needed = ['+acl', '+client|list', '+client|kill', '+config|get', '+time'];
  await person.call('ACL', 'SETUSER', 'keyturn_admin', 'on', `>${password}`, ...needed);
  const configure: Borrowed['configure'] = (change = {}) =>
    redis.config.parse({
      endpoints: [{ host: '127.0.0.1', port }],
      admin: { username: 'keyturn_admin', password: SecretValue.fromText(password) },
      name: 'app',
      rules: [...rules],
      ...change,
    });
  const open: Borrowed['open'] = (change) => redis.connect(configure(change));
  return {
    ...borrowed,
    configure,
    open,
    connection: open(),
    logIn: async (username, value) => logIn(port, username, value),
    ctx: (rotationId, change) => contextOf('test:/cache', rotationId, change),
  };
}

/** See {@link Borrowed.logIn}. */
export async function logIn(port: number, username: string, value: Secret | string): Promise<Redis> {
  const options = { lazyConnect: true, protocol: 2, enableReadyCheck: false, retryStrategy: () => null } as const;
  const client = new Redis({ host: '127.0.0.1', port, ...options });
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  await client.connect();
  await client.call('AUTH', username, textOf(value));
  return client;
}
