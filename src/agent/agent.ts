import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCachedReader } from '../consumer/cached-reader.js';
import { nodeHandler } from '../consumer/http-handlers.js';
import type { Tell } from './agent-event.js';
import { AppliedFile, type AppliedFileOptions } from './applied-file.js';
import { CanaryTrial } from './canary-trial.js';
import type { Command } from './command.js';
import { claimPath } from './path-claim.js';
import { type Staging, inForce, proofsOf } from './proofs.js';
import { AgentSettingError, codeOf } from './setting-error.js';
import type { ParameterSource, StoredParameter } from './stored-parameter.js';
import { listenOnSocket } from './unix-socket.js';

/** What the agent does. */
export interface AgentOptions {
  /** By path. A file takes exactly one. */
  readonly secrets: readonly string[];
  /** Of what the file is to hold. */
  readonly staging: Staging;
  readonly source: ParameterSource;
  /** How long a value is served from memory, and how often the store is asked for what the file is to hold. */
  readonly ttlMs: number;
  /** How old a value may become on the socket while the store does not answer. A file stays in any case. */
  readonly staleMs: number;
  readonly file: Omit<AppliedFileOptions, 'tell'> | null;
  /** Tries a pending version. Null: none is tried. */
  readonly canaryCheck: Command | null;
  readonly challenges: ChallengeOptions | null;
  readonly socket: { readonly path: string; readonly mode: number } | null;
  readonly tell: Tell;
}

/** Where challenges come to, and in whose name they are answered. */
export interface ChallengeOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly keys: readonly string[];
  readonly instance: string;
  readonly environment: string;
  readonly field: string;
}

/** An agent at work. */
export interface Agent {
  /** `http://127.0.0.1:8091`; null: no challenge is answered. */
  readonly challengesUrl: string | null;
  /** Ends. Files stay as they are. *Repeat*: harmless. */
  stop(): Promise<void>;
}

/** As {@link AgentOptions} says it, but for what needs an agent that goes on. */
export type OnceOptions = Pick<AgentOptions, 'secrets' | 'staging' | 'source' | 'tell'> & {
  readonly file: Omit<AppliedFileOptions, 'tell'>;
  /** Ends it early, with the command that is under way. */
  readonly signal: AbortSignal;
};

/** How often it looks; the store is asked when a value is no longer fresh. */
const lookMs = 10_000;

/**
 * Follows secrets for an application that cannot: keeps a file, answers challenges, serves a socket. It keeps going
 * whatever the store does, and keeps the process alive until it is stopped.
 *
 * *Errors* `AgentSettingError` where it cannot work as it was asked to.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { secrets, staging, source, ttlMs, staleMs, tell } = options;
  const reader = createCachedReader<StoredParameter>({
    ...{ read: source.read, ttlMs, staleMs },
    onFailure: ({ name, reason, heldForMs }) =>
      tell({ kind: 'not-read', name, reason, heldForMs: heldForMs === undefined ? null : Math.round(heldForMs) }),
  });
  const ends: (() => void | Promise<void>)[] = [() => reader.close(), () => source.close()];
  const stop = async (): Promise<void> => {
    // At once: a challenge waits for the check that is ended here.
    await Promise.all(ends.splice(0).map(async (end) => end()));
  };
  try {
    const [secret = ''] = secrets;
    const file = options.file === null ? null : new AppliedFile({ ...options.file, tell });
    let challengesUrl: string | null = null;
    if (file !== null && options.file !== null) {
      const { path, format } = options.file;
      const claim = await claimPath(path, '--file');
      const trial =
        options.canaryCheck === null ? null : new CanaryTrial({ command: options.canaryCheck, file: path, format });
      ends.push(async () => {
        await Promise.all([file.close(), trial?.close()]);
        await claim.release();
      });
      await file.prepare();
      if (options.challenges !== null) {
        const consumer = proofsOf({ ...options.challenges, secret, staging, reader, file, trial, tell });
        const server = createServer({ requestTimeout: 10_000 }, nodeHandler(consumer));
        challengesUrl = await listen(server, options.challenges);
        ends.push(() => closeServer(server));
      }
    }
    if (options.socket !== null) {
      const socket = await listenOnSocket({ ...options.socket, reader, secrets: new Set(secrets) });
      ends.push(() => socket.close());
    }
    if (file !== null) {
      const look = async (): Promise<void> => {
        // A failure was told of by the reader, and the file stays as it is.
        const reading = await reader.read(inForce(secret, staging)).catch(() => undefined);
        if (reading !== undefined) file.bring(reading);
      };
      const timer = setInterval(() => void look(), Math.min(lookMs, Math.max(ttlMs, 100)));
      ends.push(() => clearInterval(timer));
      void look();
    }
    return { challengesUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Brings the file to what is current, tells and checks, once. *Returns* why that did not succeed; undefined: it did.
 *
 * *Errors* `AgentSettingError`.
 */
export async function applyOnce({
  secrets,
  staging,
  source,
  file: options,
  tell,
  signal,
}: OnceOptions): Promise<string | undefined> {
  const [secret = ''] = secrets;
  const claim = await claimPath(options.path, '--file').catch((error: unknown) => {
    source.close();
    throw error;
  });
  const reader = createCachedReader<StoredParameter>({ read: source.read });
  let why = 'it takes too long';
  const file = new AppliedFile({
    ...options,
    tell: (event) => {
      if (event.kind === 'not-applied') why = event.why;
      tell(event);
    },
  });
  const end = (): void => {
    reader.close();
    void file.close();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    if (signal.aborted) return toldToEnd;
    await file.prepare();
    const reading = await reader.read(inForce(secret, staging)).catch((error: unknown) => {
      why = error instanceof Error ? error.message : 'it could not be read';
      return undefined;
    });
    const isDone = reading !== undefined && (await file.settled(reading, maxTimerMs));
    if (isDone) return undefined;
    return signal.aborted ? toldToEnd : why;
  } finally {
    signal.removeEventListener('abort', end);
    await file.close();
    reader.close();
    source.close();
    await claim.release();
  }
}

const toldToEnd = 'it was told to end before that';

/** Every command has a limit of its own. */
const maxTimerMs = 2 ** 31 - 1;

async function listen(server: Server, { host, port }: ChallengeOptions): Promise<string> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const finding = `${host}:${port} cannot be listened on (${codeOf(error)})`;
    const cure = 'Name an address of this machine and a port that is free and that this user may open.';
    throw new AgentSettingError('--challenges', finding, cure);
  }
  // Of a server that listens on a port it is no text.
  const { port: taken } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${taken}`;
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), 2_000);
  await closed;
  clearTimeout(late);
}
