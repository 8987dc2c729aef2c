import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { testServerSettings } from '../support/test-server.js';

/** A PostgreSQL server that can be crashed and started again on the same port with the same data. */
export interface StateServer {
  readonly port: number;
  readonly url: (database: string) => string;
  readonly log: string;
  /** `pg_ctl stop -m immediate`: no checkpoint, no goodbye. Settles when it has ended. *Repeat*: harmless. */
  readonly crash: () => Promise<void>;
  /** Starts it again; it recovers what was committed. */
  readonly restart: () => Promise<void>;
}

/** Starts one for this test, with its data below `parent`. Default: a folder of its own. */
export async function startStateServer(parent?: string): Promise<StateServer> {
  const dataDir = join(parent ?? (await temporaryFolder()), 'state');
  const settings = { ...testServerSettings, max_connections: '600', log_statement: 'none' };
  const start = async (port?: number): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({ dataDir, fsync: false, settings, ...(port === undefined ? {} : { port }) });
  let server = await start();
  onTestFinished(async () => server.stop());
  const { port } = server;
  return {
    port,
    url: (database) => server.url(database),
    log: server.serverLogPath,
    crash: async () => {
      // A server that has ended by itself has taken its file along.
      const text = await readFile(join(server.dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
      const pid = Number(text.split('\n', 1)[0]);
      if (pid > 0) process.kill(pid, 'SIGQUIT');
      await server.ended;
    },
    restart: async () => {
      server = await start(port);
    },
  };
}
