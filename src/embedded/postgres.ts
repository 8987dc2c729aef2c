import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { resolve as resolvePath } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { keyturnError } from '../core/errors.js';
import type { GuardReady, GuardReport, GuardRequest } from './guard-protocol.js';
import { findNativeFolder } from './postgres-binaries.js';
import { isServerOf } from './process-identity.js';
import { programEnvironment } from './run-program.js';
import { stopServer } from './server-process.js';

/** What an embedded server is started with. */
export interface EmbeddedPostgresOptions {
  /** A folder that outlives the run; made where it is missing. Default: an ephemeral one, removed at the end. */
  readonly dataDir?: string;
  /** True writes through to disk. False survives a crash of the server but not of the machine: tests, a demo. */
  readonly fsync: boolean;
  /** Where to listen; a taken one is `EMBEDDED_POSTGRES_FAILED`. Default: a free port, another one at every start. */
  readonly port?: number;
  /**
   * Settings of the server by name, for example `{ log_statement: 'all' }`. They are arguments of a process, which
   * others can read: no secrets. Address and port cannot be set. Default: none.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the server's log goes, appended. Default: beside the cluster. */
  readonly logFile?: string;
  /** The wrapper package whose binaries are used. Default `embedded-postgres`. */
  readonly packageName?: string;
}

/** A running embedded server. It accepts logins by SCRAM on 127.0.0.1 and nothing else. */
export interface EmbeddedPostgres {
  /** The port that was asked for, or the free one that was found. */
  readonly port: number;
  /** The role that owns everything. */
  readonly superuser: string;
  /** Its password: new for an ephemeral server, the same at every start for a persistent folder. */
  readonly password: string;
  /** The cluster's folder. */
  readonly dataDir: string;
  /** Holds every statement where `settings` ask for that, and with it whatever secret was in one. Mode 0600. */
  readonly serverLogPath: string;
  /** Settles when the server has ended: by `stop`, or by itself. Never rejects. */
  readonly ended: Promise<'stopped' | 'died'>;
  /** A connection string with the superuser's password: a secret. The database need not exist. */
  readonly url: (database: string) => string;
  /** Stops the server and removes what is ephemeral. *Repeat*: waits for the same end. */
  readonly stop: () => Promise<void>;
}

const superuser = 'postgres';

/**
 * Starts PostgreSQL from the binaries of an npm package, for trying Keyturn out and for tests; never for production,
 * because the libraries it brings are past their end of life.
 *
 * A guard process holds the server. When this process ends, in whatever way (kill -9 included), the guard stops the
 * server and removes what is ephemeral. The server does not keep this process alive.
 *
 * *Errors*: `EMBEDDED_POSTGRES_UNAVAILABLE` where it cannot run on this system, `EMBEDDED_POSTGRES_FOLDER_IN_USE`,
 * `EMBEDDED_POSTGRES_FOLDER_UNFIT`, and `EMBEDDED_POSTGRES_FAILED` for all else.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const request: GuardRequest = {
    native: findNativeFolder(options.packageName ?? 'embedded-postgres'),
    dataDir: options.dataDir === undefined ? null : resolvePath(options.dataDir),
    fsync: options.fsync,
    port: options.port ?? null,
    settings: options.settings ?? {},
    logFile: options.logFile === undefined ? null : resolvePath(options.logFile),
    temporaryFolders: [...new Set([tmpdir(), '/tmp', '/var/tmp'])],
  };
  const guard = spawnGuard();
  const guardEnded = new Promise<void>((resolve) => {
    guard.once('error', () => resolve());
    guard.once('close', () => resolve());
  });
  const ready = await ask(guard, guardEnded, request);
  letGo(guard);

  let isStopping = false;
  const ended = guardEnded.then(async () => {
    await cleanUpAfterGuard(ready);
    return isStopping ? 'stopped' : 'died';
  });
  return {
    port: ready.port,
    superuser,
    password: ready.password,
    dataDir: ready.cluster,
    serverLogPath: ready.serverLogPath,
    ended,
    url: (database) =>
      `postgres://${superuser}:${ready.password}@127.0.0.1:${ready.port}/${encodeURIComponent(database)}`,
    stop: async () => {
      isStopping = true;
      guard.ref();
      guard.stdin?.end();
      await ended;
    },
  };
}

/** From sources (the test suite, tsx) the guard is TypeScript and needs a loader; built, it is plain JavaScript. */
function spawnGuard(): ChildProcess {
  const isSource = import.meta.url.endsWith('.ts');
  const entry = fileURLToPath(new URL(isSource ? './guard-process.ts' : './guard-process.js', import.meta.url));
  const loader = isSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  return spawn(process.execPath, [...loader, entry], {
    cwd: '/',
    env: { ...programEnvironment },
    // Its stderr stays closed: a pipe of ours that it holds would keep whoever reads it waiting.
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
}

async function ask(guard: ChildProcess, guardEnded: Promise<void>, request: GuardRequest): Promise<GuardReady> {
  const { stdin, stdout } = guard;
  const unanswered = {
    finding: 'its guard process ended without an answer',
    log: 'none was written',
    cure: 'Start it again; if it happens twice, report it.',
  };
  if (stdin === null || stdout === null) throw keyturnError('EMBEDDED_POSTGRES_FAILED', unanswered);
  // A guard that ends early closes its end of the pipe; that it ended is reported below.
  stdin.on('error', () => {});
  stdin.write(`${JSON.stringify(request)}\n`);
  let text = '';
  const answered = new Promise<void>((resolve) => {
    stdout.setEncoding('utf8');
    stdout.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve();
    });
  });
  await Promise.race([answered, guardEnded]);
  const line = text.split('\n', 1)[0] ?? '';
  if (line === '') throw keyturnError('EMBEDDED_POSTGRES_FAILED', unanswered);
  // The line was written by a guard of the same version, as this type.
  const report = JSON.parse(line) as GuardReport;
  if (report.kind === 'ready') return report;
  await guardEnded;
  throw keyturnError(report.code, report.facts);
}

/** Lets this process end while the server runs. */
function letGo(guard: ChildProcess): void {
  guard.unref();
  for (const pipe of [guard.stdin, guard.stdout]) {
    // Node gives the pipes of a child as sockets, which its types do not say.
    if (pipe instanceof Socket) pipe.unref();
  }
}

/** A guard that was itself killed could not clean up. After an orderly end this finds nothing to do. */
async function cleanUpAfterGuard(ready: GuardReady): Promise<void> {
  if (await isServerOf(ready.serverPid, ready.cluster)) await stopServer(ready.serverPid);
  await rm(ready.scratch, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }).catch(() => {});
}
