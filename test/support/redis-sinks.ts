import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Sink } from './leak-scanner.js';
import { filesAt } from './sinks.js';

/** Every key of a Redis with what it holds, and its streams' and hashes' fields. */
export async function* keysOf(url: string): AsyncGenerator<Sink> {
  const redis = new Redis(url);
  try {
    for (const key of await redis.keys('*')) {
      yield { name: `key ${key}`, content: Buffer.from(JSON.stringify([key, await contentOf(redis, key)])) };
    }
  } finally {
    redis.disconnect();
  }
}

/**
 * The files of a Redis on this machine: its dump, and where it keeps one the log of every command that changed
 * anything, with the keys that are gone. Strings in the dump are not compressed from now on.
 */
export async function* redisFilesOf(url: string): AsyncGenerator<Sink> {
  const redis = new Redis(url);
  try {
    await redis.config('SET', 'rdbcompression', 'no');
    await redis.save();
    const [folder, dump, log] = await Promise.all(
      ['dir', 'dbfilename', 'appenddirname'].map(async (name) => settingOf(redis, name)),
    );
    yield* filesAt(join(folder ?? '', dump ?? ''), 'Redis dump');
    yield* filesAt(join(folder ?? '', log ?? ''), 'Redis log of commands');
  } finally {
    redis.disconnect();
  }
}

async function settingOf(redis: Redis, name: string): Promise<string> {
  const [, value] = (await redis.config('GET', name)) as readonly string[];
  return value ?? '';
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, '0', '-1');
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return null;
  }
}
