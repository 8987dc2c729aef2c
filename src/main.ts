import { userInfo } from 'node:os';
import { folderIntegrity } from './adapters/child/folder-integrity.js';
import { createKeyFile } from './adapters/local-keyring/key-file.js';
import { loginOf } from './adapters/postgres/connection.js';
import { assertMigrated, migrate } from './adapters/postgres/migrate.js';
import type { Doors, Where } from './cli/doors.js';
import { processTerminal } from './cli/terminal.js';
import { openKeyring, rewrap } from './main/keyring.js';
import { openStore } from './main/store.js';
import { type Variables, assertQueueUrl, configFileOf, configOf, urlsOf } from './main/settings.js';
import { assertUsable, openHistory, onceKnown, openState, withPool } from './main/state.js';
import { putFirst } from './main/stores.js';
import { version } from './main/version.js';

/** Joins the sides for the command line. Reads the environment; opens nothing before it is asked for. */
export function createDoors(variables: Variables = process.env): Doors {
  const given = { ...variables };
  // The loader that node-pg-migrate brings leaves a folder for its cache among the temporary files unless told not to.
  process.env['JITI_FS_CACHE'] ??= 'false';
  // The AWS SDK says on stderr which Node it will need one day: that is ours to know, not the operator's.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const principal = `local:${userInfo().username}`;
  const terminal = processTerminal();
  const urls = (where: Where) => urlsOf(variables, where);
  const config = (where: Where) => configOf(variables, where);
  return {
    terminal,
    version: version(),
    principal,
    variables: given,
    configFile: (where) => configFileOf(variables, where),
    config,
    state: async (where, options) => openState(await urls(where), options),
    store: async (where, environment) =>
      openStore({ config: await config(where), environment, url: (await urls(where)).database }),
    history: async (where) => openHistory(await urls(where)),
    migrate: async (where, { appRole }) => {
      const { database, queue } = await urls(where);
      assertQueueUrl({ database, queue });
      const { migrateQueue } = await import('./adapters/bullmq/migrate-queue.js');
      await migrate(database, appRole === undefined ? {} : { appRole });
      await migrateQueue(queue, { login: loginOf(queue), ...(appRole === undefined ? {} : { appRole }) });
    },
    putFirst: async (where, { config: declared, secret, value }) =>
      withPool((await urls(where)).database, async (pool) => {
        await assertMigrated(pool);
        const keyring = await openKeyring(declared, pool);
        const put = { secret, value, by: principal };
        return onceKnown(secret, pool, () => putFirst({ config: declared, pool, keyring }, put));
      }),
    rewrap: async (where, { tell }) => {
      const declared = await config(where);
      return withPool((await urls(where)).database, async (pool) => {
        await assertUsable(pool);
        return rewrap(declared, pool, { by: principal, tell });
      });
    },
    examine: async function* (where, { tryPut }) {
      const { doctor } = await import('./main/doctor.js');
      yield* doctor({ variables, urls: () => urls(where), config: () => config(where), tryPut });
    },
    orphans: async (where) => {
      const { openOrphans } = await import('./main/orphans.js');
      return openOrphans({ variables, config: await config(where), url: (await urls(where)).database });
    },
    rotatorIntegrity: folderIntegrity,
    judge: async (harness, options) => {
      const { judgeRotator } = await import('./testing/rotator-judge.js');
      // The command has looked for the members it must have; what they do is judged.
      return judgeRotator(harness as Parameters<typeof judgeRotator>[0], options);
    },
    makeKeyFile: createKeyFile,
    // Loaded when they are asked for: a worker's libraries take longer to load than most commands take to answer.
    worker: async (where, options) => {
      const { startWorker } = await import('./main/start-worker.js');
      return startWorker({ variables, urls: await urls(where), config: await config(where), ...options });
    },
    up: async (where, options) => {
      const { startUp } = await import('./main/up.js');
      return startUp({ variables, where, ...options });
    },
    serve: async (where, what) => {
      const { startServing } = await import('./main/serving.js');
      return startServing({ variables, urls: await urls(where), config: await config(where) }, what);
    },
    agent: async (request) => {
      const { startAgentOf } = await import('./main/agent.js');
      return startAgentOf(request, variables);
    },
    agentOnce: async (request, signal) => {
      const { applyOnceOf } = await import('./main/agent.js');
      return applyOnceOf(request, { variables, signal });
    },
    makeToken: async (where, token) => {
      const { makeToken } = await import('./main/store-server.js');
      return makeToken(await urls(where), await config(where), token);
    },
    tokens: async (where) => {
      const { tokens } = await import('./main/store-server.js');
      return tokens(await urls(where));
    },
    revokeToken: async (where, token) => {
      const { revokeToken } = await import('./main/store-server.js');
      return revokeToken(await urls(where), token);
    },
    demo: async (options) => {
      const { startDemo } = await import('./main/demo.js');
      return startDemo({ terminal, ...options });
    },
  };
}
