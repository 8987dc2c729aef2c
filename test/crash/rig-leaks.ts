import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KnownValue, Sink } from '../support/leak-scanner.js';
import { refuseLeaks } from '../support/no-leaks.js';
import { clusterFilesOf, statementsOf, tablesOf } from '../support/postgres-sinks.js';
import { keysOf, redisFilesOf } from '../support/redis-sinks.js';
import { filesAt, processesOf, textSink } from '../support/sinks.js';
import type { GivenServer } from './given-server.js';
import { names } from './installation.js';
import type { WorkerProcess } from './worker-process.js';

/** Where a rig's values could have gone. */
export interface RigSinks {
  readonly folder: string;
  readonly queueUrl: string;
  /** Every PostgreSQL there is, each once. */
  readonly servers: readonly GivenServer[];
  /** Every one there has been. */
  readonly workers: readonly WorkerProcess[];
}

/** Files of a rig's folder that hold a secret because it must be somewhere. */
const secretFiles: readonly string[] = [
  names.key,
  names.adminPassword,
  names.providerToken,
  names.consumerKey,
  names.webhookKey,
];

/** What processes show of themselves; gone once they are killed. */
export async function shownBy(workers: readonly WorkerProcess[]): Promise<readonly Sink[]> {
  const shown: Sink[] = [];
  for await (const sink of processesOf(workers.map(({ pid }) => pid))) shown.push(sink);
  return shown;
}

/** *Errors*: a value that a rotator generated, or a secret of the rig, is anywhere but where it has to be. */
export async function refuseLeaksOf(rig: RigSinks, shown: readonly Sink[]): Promise<void> {
  const { folder, queueUrl, servers, workers } = rig;
  const told = workers.map(({ errors, said }) => `${errors}\n${JSON.stringify(said)}`).join('\n');
  await refuseLeaks({
    of: 'the crash rig',
    known: await Promise.all(
      secretFiles.map(async (name): Promise<KnownValue> => {
        return { name, value: (await readFile(join(folder, name), 'utf8')).trim() };
      }),
    ),
    sinks: [
      ...servers.flatMap(({ url, log }) => {
        const at = url('postgres');
        const logs = log === null ? [] : [filesAt(log, 'server log')];
        return [tablesOf(at), statementsOf(at), clusterFilesOf(at), ...logs];
      }),
      filesOf(folder),
      ...(queueUrl.startsWith('redis') ? [keysOf(queueUrl), redisFilesOf(queueUrl)] : []),
      textSink('what workers told', told),
      ...shown,
    ],
  });
}

async function* filesOf(folder: string): AsyncGenerator<Sink> {
  for await (const sink of filesAt(folder)) if (!secretFiles.includes(sink.name)) yield sink;
}
