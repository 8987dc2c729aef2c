import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A server program that can be started. */
export interface RedisProgram {
  readonly path: string;
  readonly source: string;
  /** What it needs to find its libraries. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Looks for a server on the PATH, Valkey before Redis. */
export async function findRedisOnPath(): Promise<RedisProgram | undefined> {
  for (const name of ['valkey-server', 'redis-server']) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (await isExecutable(path)) return { path, source: path, environment: {} };
    }
  }
  return undefined;
}

/**
 * Unpacks Debian's redis-server into a cache in `node_modules`. Nothing is installed and root is not needed; the
 * package lists of apt are. What the packages depend on besides is part of every Debian.
 *
 * *Returns* why it cannot be had, where it cannot.
 *
 * *Repeat*: the cache is used; two at the same time do not disturb each other.
 */
export async function fetchDebianRedis(): Promise<RedisProgram | string> {
  const cache = fileURLToPath(new URL('../../node_modules/.cache/keyturn-redis', import.meta.url));
  const cached = join(cache, 'debian');
  if (!(await isExecutable(programIn(cached)))) {
    const failure = await unpackInto(cache, cached);
    if (failure !== undefined) return failure;
  }
  const files = await readdir(cached, { recursive: true });
  const libraries = new Set(files.filter((file) => file.includes('.so')).map((file) => join(cached, dirname(file))));
  const environment = { LD_LIBRARY_PATH: [...libraries].join(':') };
  return { path: programIn(cached), source: "Debian's redis-server", environment };
}

async function unpackInto(cache: string, cached: string): Promise<string | undefined> {
  let folder: string | undefined;
  try {
    await mkdir(cache, { recursive: true });
    folder = await mkdtemp(join(cache, 'unpacking-'));
    // redis-server is a link into redis-tools.
    await run('apt-get', ['download', 'redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1'], { cwd: folder });
    const unpacked = join(folder, 'root');
    for (const file of await readdir(folder)) {
      if (file.endsWith('.deb')) await run('dpkg', ['-x', join(folder, file), unpacked]);
    }
    await rename(unpacked, cached).catch(() => {
      // Another process was faster.
    });
    return (await isExecutable(programIn(cached))) ? undefined : "Debian's redis-server holds no program";
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return `Debian's redis-server could not be downloaded and unpacked (${code})`;
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

function programIn(folder: string): string {
  return join(folder, 'usr', 'bin', 'redis-server');
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
