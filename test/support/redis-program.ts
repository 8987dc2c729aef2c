import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { unpackDebian } from './debian-package.js';

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
  // redis-server is a link into redis-tools.
  const packages = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1'];
  const unpacked = await unpackDebian('keyturn-redis', packages, 'usr/bin/redis-server');
  if (unpacked.kind === 'unavailable') return unpacked.reason;
  const cached = unpacked.folder;
  const files = await readdir(cached, { recursive: true });
  const libraries = new Set(files.filter((file) => file.includes('.so')).map((file) => join(cached, dirname(file))));
  const environment = { LD_LIBRARY_PATH: [...libraries].join(':') };
  return { path: programIn(cached), source: "Debian's redis-server", environment };
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
