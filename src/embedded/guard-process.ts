// Holds an embedded PostgreSQL for a process that may die at any moment, by kill -9 too. It has a session of its own,
// so a Ctrl-C in a terminal does not reach it or the server; it lives until its stdin closes, which the kernel does
// when the launcher is gone, and leaves nothing behind. Protocol: guard-protocol.ts.
import { rm } from 'node:fs/promises';
import { isKeyturnError, keyturnError } from '../core/errors.js';
import { makeCluster } from './cluster.js';
import { makeScratch, openEphemeralFolder, openPersistentFolder } from './data-folder.js';
import type { GuardReport, GuardRequest } from './guard-protocol.js';
import { prepareBinaries } from './postgres-binaries.js';
import type { ServerUser } from './run-program.js';
import type { ServerProcess } from './server-process.js';
import { startServer, stopServer } from './server-process.js';
import { findServerUser } from './server-user.js';

/** What must be given back, the last taken first. */
const giveBack: (() => Promise<void>)[] = [];

const launcherGone = new AbortController();

async function main(): Promise<void> {
  // A shutdown of the machine signals everybody. The launcher may still need its database to finish; it tells us.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  // Nobody listens any more once the launcher is gone.
  process.stdout.on('error', () => {});
  try {
    const request = await readRequest();
    const server = await hold(request);
    await Promise.race([server.ended, gone(launcherGone.signal)]);
  } catch (error) {
    await report(refusalOf(error));
  } finally {
    for (const give of giveBack.reverse()) await give().catch(() => {});
  }
  process.exit(0);
}

async function hold(request: GuardRequest): Promise<ServerProcess> {
  const user = await chooseUser();
  const scratch = await makeScratch(request.temporaryFolders, user);
  giveBack.push(() => rm(scratch, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  const binaries = await prepareBinaries(request.native, user, scratch);
  const folder =
    request.dataDir === null
      ? openEphemeralFolder(scratch)
      : await openPersistentFolder(request.dataDir, user, binaries.major);
  giveBack.push(folder.release);
  if (folder.isNew) {
    const { initdb } = binaries;
    await makeCluster({ folder, initdb, scratch, user, fsync: request.fsync }, launcherGone.signal);
  }
  const serverLogPath = request.logFile ?? folder.serverLogPath;
  const isLogKept = request.logFile !== null || request.dataDir !== null;
  const server = await startServer(
    {
      postgres: binaries.postgres,
      cluster: folder.cluster,
      user,
      fsync: request.fsync,
      port: request.port,
      settings: request.settings,
      serverLogPath,
      logRemark: isLogKept ? serverLogPath : 'it went with the temporary folder',
    },
    launcherGone.signal,
  );
  giveBack.push(() => stopServer(server.pid));
  const { pid: serverPid, port } = server;
  const { password, cluster } = folder;
  await report({ kind: 'ready', port, serverPid, password, cluster, scratch, serverLogPath });
  return server;
}

async function chooseUser(): Promise<ServerUser | undefined> {
  const user = await findServerUser();
  if (user === 'ourselves') return undefined;
  if (user !== 'none') return user;
  const finding = 'PostgreSQL does not run as root, and there is no user postgres or nobody to run it as';
  throw keyturnError('EMBEDDED_POSTGRES_UNAVAILABLE', { finding });
}

/** Reads the first line of stdin. Its end, now or later, means that the launcher is gone. */
async function readRequest(): Promise<GuardRequest> {
  return new Promise((resolve, reject) => {
    let text = '';
    process.stdin.setEncoding('utf8');
    process.stdin.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      // The line was written by a launcher of the same version, as this type.
      if (end >= 0) resolve(JSON.parse(text.slice(0, end)) as GuardRequest);
    });
    const end = (): void => {
      launcherGone.abort();
      reject(new Error('the launcher is gone'));
    };
    process.stdin.once('end', end);
    process.stdin.once('error', end);
    process.stdin.once('close', end);
  });
}

async function gone(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

async function report(answer: GuardReport): Promise<void> {
  await new Promise((resolve) => process.stdout.write(`${JSON.stringify(answer)}\n`, resolve));
}

function refusalOf(error: unknown): GuardReport {
  if (isKeyturnError(error)) return { kind: 'refused', code: error.code, facts: error.facts };
  // A file system that is full or read-only: the code says which; the message would only add paths.
  const finding = error instanceof Error && 'code' in error ? String(error.code) : 'for a reason it could not name';
  const cure = 'Look at the free space and the rights of the folder, then start it again.';
  return { kind: 'refused', code: 'EMBEDDED_POSTGRES_FAILED', facts: { finding, log: 'none was kept', cure } };
}

await main();
