import { readFile } from 'node:fs/promises';
import type { ProvidedContext } from 'vitest';
import { type Leak, scanSinks } from './leak-scanner.js';
import { clusterFilesOf, statementsOf, tablesOf } from './postgres-sinks.js';
import { keysOf, redisFilesOf } from './redis-sinks.js';
import { filesAt } from './sinks.js';

/** What was found at the end of a run, and a line that counts what was scanned. */
export interface RunLeakScan {
  readonly leaks: readonly Leak[];
  readonly line: string;
}

/**
 * Scans what all suites of a run have shared for values that rotators have generated: the PostgreSQL server with its
 * log, statistics and files, and the Redis with its keys and files. Servers that were given by URL are another's, and
 * are not scanned.
 */
export async function scanRun({ postgres, redis, canaryTally }: ProvidedContext): Promise<RunLeakScan> {
  const { url, logFile } = postgres;
  const sinks = [
    ...(logFile === undefined
      ? []
      : [filesAt(logFile, 'server log'), statementsOf(url), tablesOf(url), clusterFilesOf(url)]),
    ...(redis.url === undefined || redis.isGiven ? [] : [keysOf(redis.url), redisFilesOf(redis.url)]),
  ];
  const { leaks, names, bytes } = await scanSinks([], sinks);
  const values = (await readFile(canaryTally).catch(() => Buffer.alloc(0))).length;
  return {
    leaks,
    line: `leak scan: ${names.length} sinks, ${bytes} bytes, ${values} values, ${leaks.length} hits`,
  };
}
