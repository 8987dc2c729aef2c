import { readFile } from 'node:fs/promises';
import { openSecret } from '../../src/core/secret.js';
import type { KnownValue, Sink } from '../support/leak-scanner.js';
import { clusterFilesOf, statementsOf, tablesOf } from '../support/postgres-sinks.js';
import { keysOf, redisFilesOf } from '../support/redis-sinks.js';
import { type RigScan, scanRig } from '../support/rig-scan.js';
import { filesAt, processesOf } from '../support/sinks.js';
import { consumerNames, filesIn, secrets } from './cast.js';
import type { Ground } from './ground.js';
import type { StateView } from './state-view.js';

/** Where the values of a run could have gone. */
export interface LoadSinks {
  readonly ground: Ground;
  readonly state: StateView;
  /** What workers have told, printed and left. */
  readonly workerFolder: string;
  /** What processes have shown of themselves while they ran. */
  readonly shown: readonly Sink[];
}

/** What processes show of themselves; gone when they have ended. */
export async function shownBy(pids: readonly number[]): Promise<readonly Sink[]> {
  const shown: Sink[] = [];
  for await (const sink of processesOf(pids)) shown.push(sink);
  return shown;
}

/**
 * Looks for every value that a rotator generated, and every secret of the rig, wherever it need not be: in the servers,
 * their files and logs, in what workers and consumers have told, printed and left, in what their processes show.
 */
export async function scanLoad({ ground, state, workerFolder, shown }: LoadSinks): Promise<RigScan> {
  const { server, janitor, urls, configFile } = ground;
  const files = filesIn(janitor.folder);
  const url = server.url('postgres');
  const isRedis = new URL(urls.queue).protocol === 'redis:';
  return scanRig({
    of: `the load rig on ${isRedis ? 'redis' : 'postgres'}`,
    known: await Promise.all([files.key, files.adminPassword, ...consumerNames.map(files.consumerKey)].map(knownIn)),
    generated: await currentValues(state),
    sinks: [
      tablesOf(url),
      statementsOf(url),
      clusterFilesOf(url),
      filesAt(server.serverLogPath, 'server log'),
      filesAt(configFile),
      filesAt(workerFolder, 'workers'),
      filesAt(files.consumers, 'consumers'),
      ...(isRedis ? [keysOf(urls.queue), redisFilesOf(urls.queue)] : []),
      ...shown,
    ],
  });
}

async function knownIn(path: string): Promise<KnownValue> {
  return { name: 'a secret of the rig', value: (await readFile(path, 'utf8')).trim() };
}

async function currentValues(state: StateView): Promise<readonly KnownValue[]> {
  const found = await Promise.all(secrets.map(async (secret) => ({ secret, current: await state.current(secret) })));
  return found.flatMap(({ secret, current }) =>
    current === null ? [] : [{ name: `${secret.id} ${current.version}`, value: openSecret(current.credential.value) }],
  );
}
