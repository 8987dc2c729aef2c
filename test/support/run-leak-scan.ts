import { readFile } from 'node:fs/promises';
import type { ProvidedContext } from 'vitest';
import { type Leak, scanSinks } from './leak-scanner.js';
import { clusterFilesOf, statementsOf, tablesOf } from './postgres-sinks.js';
import { keysOf, redisFilesOf } from './redis-sinks.js';
import { filesAt } from './sinks.js';

/** What was found at the end of a run, and a line that counts what was scanned, by rigs with servers of their own too. */
export interface RunLeakScan {
  readonly leaks: readonly Leak[];
  readonly line: string;
}

/** What one scan has looked at. Whatever rig of this run it was has written it down; its hits have failed its test. */
export interface ScanCounts {
  readonly sinks: number;
  readonly bytes: number;
  readonly hits: number;
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
  const lines = (await readFile(canaryTally, 'utf8').catch(() => '')).split('\n');
  const values = lines.filter((line) => line === 'value').length;
  const scans = [
    { sinks: names.length, bytes, hits: leaks.length },
    ...lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as ScanCounts),
  ];
  const sum = (count: keyof ScanCounts): number => scans.reduce((total, scan) => total + scan[count], 0);
  const line = `leak scan of the whole run: ${sum('sinks')} sinks scanned, ${sum('bytes')} bytes, ${values} values, ${sum('hits')} hits`;
  return { leaks, line };
}
