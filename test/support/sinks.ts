import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Sink } from './leak-scanner.js';
import { withDatabase } from './test-server.js';

/** Every row of every table of every database of a server, the catalogue's included, as text. Needs a superuser. */
export async function tablesOf(url: string): Promise<readonly Sink[]> {
  const databases = await queryAll(url, 'SELECT datname AS name FROM pg_database WHERE NOT datistemplate');
  const sinks: Sink[] = [];
  for (const database of databases) {
    const at = withDatabase(url, database);
    const tables = await queryAll(
      at,
      `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'`,
    );
    for (const table of [...tables, 'pg_stat_activity']) {
      // bytea is text in hexadecimal here; verifiers of passwords hold no part of them.
      const rows = await queryAll(at, `SELECT t::text AS name FROM ${table} AS t`);
      sinks.push({ name: `${database} ${table}`, content: Buffer.from(rows.join('\n')) });
    }
  }
  return sinks;
}

async function queryAll(url: string, text: string): Promise<readonly string[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(text);
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

/** Every key of a Redis with what it holds, and its streams' and hashes' fields. */
export async function keysOf(url: string): Promise<readonly Sink[]> {
  const redis = new Redis(url);
  try {
    const sinks: Sink[] = [];
    for (const key of await redis.keys('*')) {
      sinks.push({ name: `key ${key}`, content: Buffer.from(JSON.stringify([key, await contentOf(redis, key)])) });
    }
    return sinks;
  } finally {
    redis.disconnect();
  }
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

/** A file, or every file below a folder. */
export async function filesAt(path: string): Promise<readonly Sink[]> {
  const content = await readFile(path).catch(() => undefined);
  if (content !== undefined) return [{ name: path.split('/').at(-1) ?? path, content }];
  const names = await readdir(path);
  return (await Promise.all(names.map((name) => filesAt(join(path, name))))).flat();
}

/** Arguments and environment of processes: others can read the first, and a core dump holds both. */
export async function processesOf(pids: readonly number[]): Promise<readonly Sink[]> {
  const sinks: Sink[] = [];
  for (const pid of pids) {
    for (const what of ['cmdline', 'environ']) {
      const content = await readFile(`/proc/${pid}/${what}`).catch(() => undefined);
      if (content !== undefined) sinks.push({ name: `${what} of a process`, content });
    }
  }
  return sinks;
}
