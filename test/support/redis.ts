import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import type { RedisProgram } from './redis-program.js';
import { fetchDebianRedis, findRedisOnPath } from './redis-program.js';

/** A Redis (or Valkey) to test against, or why there is none. */
export type TestRedis = RunningRedis | { readonly kind: 'unavailable'; readonly reason: string };

/** A server that answers. */
export interface RunningRedis {
  readonly kind: 'running';
  readonly url: string;
  /** Where it came from, for the line the suite prints. */
  readonly source: string;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a Redis from the first source there is: the URL in `KEYTURN_TEST_REDIS_URL`, testcontainers where a container
 * engine answers, `valkey-server` or `redis-server` on the PATH, Debian's package unpacked into a cache.
 *
 * *Errors*: with `REQUIRE_REDIS=1`, where no source gave one; the message names what each of them lacked.
 */
export async function startRedis(): Promise<TestRedis> {
  const given = process.env['KEYTURN_TEST_REDIS_URL'];
  if (given !== undefined && given !== '') return { kind: 'running', url: given, source: 'URL', stop: async () => {} };
  const lacking: string[] = [];
  for (const start of [startContainer, startFromPath, startFromDebian]) {
    const outcome = await start();
    if (typeof outcome !== 'string') return outcome;
    lacking.push(outcome);
  }
  const reason = `no Redis to test against: ${lacking.join('; ')}`;
  if (process.env['REQUIRE_REDIS'] === '1') throw new Error(reason);
  return { kind: 'unavailable', reason };
}

async function startContainer(): Promise<RunningRedis | string> {
  const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
  } catch {
    return 'no container engine answers';
  }
  try {
    const container = await new GenericContainer('valkey/valkey:8-alpine').withExposedPorts(6379).start();
    const url = `redis://${container.getHost()}:${container.getMappedPort(6379)}`;
    return { kind: 'running', url, source: 'container', stop: async () => void (await container.stop()) };
  } catch {
    return 'the container engine could not start valkey/valkey:8-alpine';
  }
}

async function startFromPath(): Promise<RunningRedis | string> {
  const program = await findRedisOnPath();
  return program === undefined ? 'no valkey-server or redis-server on the PATH' : startProgram(program);
}

async function startFromDebian(): Promise<RunningRedis | string> {
  const program = await fetchDebianRedis();
  return typeof program === 'string' ? program : startProgram(program);
}

/**
 * Holds the server for a test run that may die at any moment: it lives as long as this shell's stdin is open, which the
 * kernel closes with the run. The shell has a session of its own, so a Ctrl-C does not reach it.
 */
const holder = `
exec 3<&0
"$@" >/dev/null 2>&1 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -9 "$server"; } >/dev/null 2>&1 &
exec 3<&-
wait "$server"
rm -rf "$KEYTURN_FOLDER"
`;

async function startProgram(program: RedisProgram): Promise<RunningRedis | string> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const port = await findFreePort();
    const folder = await mkdtemp(join(tmpdir(), 'keyturn-redis-'));
    const held = await holdRedis(program, { port, folder, isKept: false });
    // Another process took the port first where there is none.
    if (held !== undefined) return { kind: 'running', source: program.source, ...held };
  }
  return `${program.source} does not start`;
}

/** Where a server listens, and keeps its files. */
export interface RedisPlace {
  readonly port: number;
  readonly folder: string;
  /** False: the folder goes with the server. */
  readonly isKept: boolean;
  /** Further words for its command line. */
  readonly settings?: readonly string[];
}

/**
 * Starts a server that ends with this process, however that ends. `stop` is as a crash to it; what it had written is in
 * its folder, and is there again when it is started anew.
 *
 * *Returns* undefined where it does not start.
 */
export async function holdRedis(
  program: RedisProgram,
  { port, folder, isKept, settings = [] }: RedisPlace,
): Promise<Pick<RunningRedis, 'url' | 'stop'> | undefined> {
  // Every command that changes anything is kept, also of keys that are gone, because it is searched for secrets.
  const logged = ['--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-percentage', '0'];
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const shell = spawn('sh', ['-c', holder, 'sh', program.path, ...place, ...logged, ...settings], {
    env: { PATH: process.env['PATH'], KEYTURN_FOLDER: isKept ? '' : folder, ...program.environment },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      hasEnded = true;
      resolve();
    };
    shell.once('exit', end);
    shell.once('error', end);
  });
  const stop = async (): Promise<void> => {
    shell.stdin.destroy();
    await ended;
    if (!isKept) await rm(folder, { recursive: true, force: true });
  };
  const answered = eventually(`a Redis on port ${port}`, async () => hasEnded || (await ping(port)));
  if ((await answered) === true && !hasEnded) {
    shell.unref();
    return { url: `redis://127.0.0.1:${port}`, stop };
  }
  await stop();
  return undefined;
}

async function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', (answer) => {
      socket.destroy();
      resolve(answer.toString().startsWith('+PONG'));
    });
    socket.once('error', () => resolve(false));
  });
}

/** A port on which nobody listens now. */
export async function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
