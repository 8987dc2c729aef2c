import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { exampleConfig } from '../config/example.js';
import { findConfig } from '../config/load.js';
import { type KeyturnError, keyturnError } from '../core/errors.js';
import { firstDatabase, prepareFirstTarget, prepareState } from './first-secret.js';
import type { EmbeddedPostgres } from './postgres.js';
import { startEmbeddedPostgres } from './postgres.js';
import { readPort, removeDescriptor, writeDescriptor, writePort } from './up-folder.js';

/** The database of Keyturn's own state in the embedded server. */
const stateDatabase = 'keyturn';

/**
 * A policy for those who watch: the whole rotation takes half a minute. Nothing is skipped, only waited for less long.
 */
const briefPolicy = "{ grace: '5s', quiet: '5s', watch: '5s', poll: '1s' }";

/** The embedded server of `keyturn up`. */
export interface UpServer {
  readonly databaseUrl: string;
  /** Files made because there was no configuration. */
  readonly made: readonly string[];
  /** Settles with the error when the server has ended and nobody stopped it: nothing works without it any more. */
  readonly broken: Promise<KeyturnError>;
  stop(): Promise<void>;
}

/** What `keyturn up` starts its server with. */
export interface UpServerOptions {
  /** `--data`. */
  readonly folder: string;
  /** Where a first configuration is made when there is none at all; null: one was named. */
  readonly firstConfigIn: string | null;
  readonly makeKeyFile: (path: string) => Promise<void>;
  readonly progress: (doing: string) => void;
}

/**
 * Starts PostgreSQL in a folder that outlives it, always on the port of the first start, and tells other commands of the
 * folder where it is. Where there is no configuration it makes a first one, with a database to rotate a credential of.
 *
 * *Errors* those of `startEmbeddedPostgres`.
 */
export async function startUpServer(options: UpServerOptions): Promise<UpServer> {
  const { folder, firstConfigIn, progress } = options;
  progress('starting the embedded PostgreSQL');
  const port = await readPort(folder);
  const server = await startEmbeddedPostgres({ dataDir: folder, fsync: true, ...(port === undefined ? {} : { port }) });
  try {
    if (port === undefined) await writePort(folder, server.port);
    progress('preparing its databases');
    await prepareState(server.url, stateDatabase);
    const databaseUrl = server.url(stateDatabase);
    const made =
      firstConfigIn !== null && findConfig(firstConfigIn) === undefined
        ? await makeFirst(resolve(firstConfigIn), server, options)
        : [];
    await writeDescriptor(folder, { pid: process.pid, databaseUrl });
    const stop = async (): Promise<void> => {
      await removeDescriptor(folder);
      await server.stop();
    };
    return { databaseUrl, made, broken: brokenOf(server), stop };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function brokenOf(server: EmbeddedPostgres): Promise<KeyturnError> {
  if ((await server.ended) === 'stopped') return new Promise(() => {});
  return keyturnError('EMBEDDED_POSTGRES_FAILED', {
    finding: 'it ended, and nobody had told it to',
    log: server.serverLogPath,
    cure: `Read its log: ${server.serverLogPath}`,
  });
}

async function makeFirst(
  folder: string,
  server: EmbeddedPostgres,
  { folder: data, makeKeyFile, progress }: UpServerOptions,
): Promise<readonly string[]> {
  progress(`making the database ${firstDatabase} and a first configuration`);
  await prepareFirstTarget(server.url);
  const keyFile = join(folder, 'keyturn.key');
  const configFile = join(folder, 'keyturn.config.ts');
  const made: string[] = [];
  if (!existsSync(keyFile)) {
    await makeKeyFile(keyFile);
    made.push(keyFile);
  }
  const password = relative(dirname(configFile), join(resolve(data), 'superuser-password'));
  const text = exampleConfig({
    keyFile: 'keyturn.key',
    adminName: server.superuser,
    adminPassword: { from: 'file', name: `./${password}` },
    port: server.port,
    policy: briefPolicy,
  });
  await writeFile(configFile, text, { flag: 'wx' });
  return [...made, configFile];
}
