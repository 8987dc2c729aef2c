import { spawn } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import { open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { keyturnError } from '../core/errors.js';
import { awaitEnd, isRunning, signalProcess } from './process-identity.js';
import type { ServerUser } from './run-program.js';
import { programEnvironment } from './run-program.js';

/** What a server is started with. */
export interface ServerOptions {
  readonly postgres: string;
  readonly cluster: string;
  readonly user: ServerUser | undefined;
  readonly fsync: boolean;
  /** Null: a free one. */
  readonly port: number | null;
  readonly settings: Readonly<Record<string, string>>;
  readonly serverLogPath: string;
  /** What an error says about the log: its path, or that it went with an ephemeral folder. */
  readonly logRemark: string;
}

/** A server that accepts connections. */
export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  /** Settles when the server has ended, for whatever reason. Never rejects. */
  readonly ended: Promise<void>;
}

/** How long a start may take: after a crash it replays what the last checkpoint did not hold. */
const maxStartMs = 120_000;

/** After a server was killed, its children hold its shared memory until they notice. */
const maxOrphansMs = 10_000;

/**
 * Starts a server on 127.0.0.1 and waits until it accepts connections. There is no Unix socket.
 *
 * *Errors*: `EMBEDDED_POSTGRES_FAILED`; `EMBEDDED_POSTGRES_FOLDER_IN_USE` where another server won the cluster.
 */
export async function startServer(options: ServerOptions, signal: AbortSignal): Promise<ServerProcess> {
  const orphansDeadline = performance.now() + maxOrphansMs;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await tryStart(options, options.port ?? (await findFreePort()), signal);
    if (typeof outcome !== 'string') return outcome;
    if (signal.aborted) throw failed(options, 'it was told to stop');
    if (/lock file "postmaster.pid" already exists/.test(outcome)) {
      throw keyturnError('EMBEDDED_POSTGRES_FOLDER_IN_USE', { folder: options.cluster });
    }
    if (/shared memory block .*still in use/.test(outcome) && performance.now() < orphansDeadline) {
      await delay(100);
      continue;
    }
    const isPortTaken = /Address already in use/.test(outcome);
    if (isPortTaken && options.port !== null) throw portTaken(options, options.port);
    if (!isPortTaken || attempt >= 5) {
      throw failed(options, lastComplaint(outcome));
    }
  }
}

/**
 * Stops a server: sessions are ended and all is written down; where that takes too long it is cut short, which the
 * next start repairs.
 */
export async function stopServer(pid: number): Promise<void> {
  const escalation = [
    ['SIGINT', 30_000],
    ['SIGQUIT', 10_000],
    ['SIGKILL', 5_000],
  ] as const;
  for (const [signal, maxMs] of escalation) {
    signalProcess(pid, signal);
    if (await awaitEnd(pid, maxMs)) return;
  }
}

async function tryStart(options: ServerOptions, port: number, signal: AbortSignal): Promise<ServerProcess | string> {
  const log = await open(options.serverLogPath, 'a', 0o600);
  const logStart = (await log.stat()).size;
  const child = spawn(options.postgres, argumentsFor(options, port), {
    ...options.user,
    cwd: '/',
    env: { ...programEnvironment },
    stdio: ['ignore', log.fd, log.fd],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  await log.close();
  const { pid } = child;
  if (pid === undefined) return 'the program postgres could not be started';
  let isEnded = false;
  void ended.then(() => (isEnded = true));
  const deadline = performance.now() + maxStartMs;
  while (!isEnded) {
    if (await isReady(options.cluster, pid)) return { pid, port, ended };
    if (signal.aborted || performance.now() > deadline) {
      await stopServer(pid);
      return signal.aborted ? '' : `FATAL: not ready within ${maxStartMs} ms`;
    }
    await Promise.race([ended, delay(10)]);
  }
  return readFrom(options.serverLogPath, logStart);
}

function argumentsFor(options: ServerOptions, port: number): string[] {
  const settings: Record<string, string> = {
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(options.fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...options.settings,
    // What keeps it on this machine comes last and wins.
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
  };
  return ['-D', options.cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** The server writes its state into the eighth line of its pid file, and its process id into the first. */
async function isReady(cluster: string, pid: number): Promise<boolean> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return lines[0]?.trim() === String(pid) && lines[7]?.trim() === 'ready' && isRunning(pid);
}

async function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('a listening socket without a port'));
      });
    });
  });
}

async function readFrom(path: string, start: number): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(65_536), 0, 65_536, start);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return '';
  } finally {
    await file?.close();
  }
}

/** What a program gave as its reason: the last line of that kind, without its time, cut to a sentence's length. */
export function lastComplaint(output: string): string {
  const complaints = output.match(/(FATAL|PANIC|error): .*/g);
  return (complaints?.at(-1) ?? output.trim().split('\n').at(-1) ?? '').slice(0, 300) || 'it gave no reason';
}

function failed(options: ServerOptions, finding: string): Error {
  const log = options.logRemark;
  return keyturnError('EMBEDDED_POSTGRES_FAILED', { finding, log, cure: `Read its log: ${log}` });
}

/** The configuration and the plans of open rotations name the port: another one will not do. */
function portTaken(options: ServerOptions, port: number): Error {
  return keyturnError('EMBEDDED_POSTGRES_FAILED', {
    finding: `port ${port} is taken`,
    log: options.logRemark,
    cure: `Stop what listens on 127.0.0.1:${port} (see it with: ss -ltnp 'sport = :${port}'), then start this again.`,
  });
}
