import type { Command } from 'commander';
import { parseDuration } from '../config/duration.js';
import { keyturnError } from '../core/errors.js';
import { needsTls } from '../core/needs-tls.js';
import { bareParameterOf } from './parameter-argument.js';

/** What `keyturn agent` is asked to do. Commands are as they were typed. */
export interface AgentRequest {
  /** By path. */
  readonly secrets: readonly string[];
  /** As the store of its environment has it in the configuration of Keyturn. */
  readonly staging: 'labels' | 'shadow';
  /** Where the store answers as SSM does; null: as the environment says, or AWS. */
  readonly endpoint: string | null;
  readonly plainHttp: boolean;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly file: AgentFile | null;
  readonly challenges: {
    readonly host: string;
    readonly port: number;
    readonly environment: string;
    /** Null: the name of this machine. */
    readonly instance: string | null;
    /** Null: `KEYTURN_CONSUMER_KEY`. */
    readonly keyFile: string | null;
  } | null;
  readonly socket: { readonly path: string; readonly mode: number } | null;
}

/** A file, and what is done once it has changed. */
export interface AgentFile {
  readonly path: string;
  readonly format: 'json' | 'value' | 'env';
  /** The one that is the credential's value. */
  readonly field: string;
  readonly reload:
    | { readonly kind: 'none' }
    | { readonly kind: 'signal'; readonly signal: string; readonly pidFile: string }
    | { readonly kind: 'exec'; readonly command: string }
    | { readonly kind: 'http'; readonly url: string };
  readonly check: string | null;
  readonly canaryCheck: string | null;
  readonly commandTimeoutMs: number;
}

/** As commander gives them. */
export interface AgentOptions {
  readonly secret: readonly string[];
  readonly staging: 'labels' | 'shadow';
  readonly file?: string;
  readonly format: 'json' | 'value' | 'env';
  readonly field: string;
  readonly signal?: string;
  readonly pidFile?: string;
  readonly exec?: string;
  readonly httpReload?: string;
  readonly check?: string;
  readonly canaryCheck?: string;
  readonly commandTimeout: string;
  readonly challenges?: string;
  readonly env?: string;
  readonly instance?: string;
  readonly keyFile?: string;
  readonly listen?: string;
  readonly socketMode: string;
  readonly endpoint?: string;
  readonly plainHttp: boolean;
  readonly ttl: string;
  readonly stale: string;
  readonly once: boolean;
}

/** Signals that a process may answer by reading its configuration again. */
const signals: ReadonlySet<string> = new Set([
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGINT',
  'SIGTERM',
  'SIGQUIT',
]);

/** Reads them. *Errors* `USAGE`, which names the option and what is wrong with it. */
export function agentRequest(command: Command): AgentRequest {
  const options = command.opts<AgentOptions>();
  const secrets = [...new Set(options.secret.map((each) => bareParameterOf(each, 'agent').path))];
  const request = {
    secrets,
    staging: options.staging,
    endpoint: options.endpoint ?? null,
    plainHttp: options.plainHttp,
    ttlMs: durationOf(options.ttl, '--ttl', 100),
    staleMs: durationOf(options.stale, '--stale', 0),
    file: fileOf(options),
    challenges: challengesOf(options),
    socket: socketOf(options),
  };
  const { file, challenges, socket } = request;
  if (file === null && socket === null) throw usage('say what is to be done: --file PATH, or --listen unix:PATH');
  if (file !== null && secrets.length > 1) throw usage('--file takes one --secret: run an agent for each file');
  if (challenges !== null && (file === null || file.check === null)) {
    throw usage('--challenges needs --check: nothing else says that the application works with the file');
  }
  if (options.once && (file === null || challenges !== null || socket !== null)) {
    throw usage('--once writes a --file and ends: leave out --challenges and --listen');
  }
  return request;
}

/** Refuses an address to which values or what signs for them would go in clear. *Errors* `SETTING_INVALID`. */
export function refuseClear(url: string, setting: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (parsed === undefined || !isHttp || parsed.username !== '' || parsed.password !== '') {
    const cure = 'Write it as https://host:port, or http://127.0.0.1:port, without a user and a password.';
    throw keyturnError('SETTING_INVALID', { setting, finding: 'it is no such address', cure });
  }
  if (parsed.protocol === 'http:' && needsTls(parsed.hostname, null)) {
    const finding = 'it leaves this machine in clear';
    throw keyturnError('SETTING_INVALID', {
      setting,
      finding,
      cure: 'Name one that begins with https:, or one of this machine.',
    });
  }
}

function fileOf(options: AgentOptions): AgentFile | null {
  const { file: path, format, field, check = null, canaryCheck = null } = options;
  if (path === undefined) {
    const { signal, pidFile, exec, httpReload, challenges } = options;
    const named = {
      signal,
      pidFile,
      exec,
      httpReload,
      check: options.check,
      canaryCheck: options.canaryCheck,
      challenges,
    };
    const [first] = Object.entries(named).find(([, value]) => value !== undefined) ?? [];
    if (first !== undefined) throw usage(`${optionOf(first)} is for --file PATH`);
    return null;
  }
  if (path === '') throw usage('--file is empty');
  if (field === '') throw usage('--field is empty');
  if (canaryCheck !== null && options.challenges === undefined) {
    throw usage('--canary-check is for --challenges: nobody else asks');
  }
  const commandTimeoutMs = durationOf(options.commandTimeout, '--command-timeout', 1);
  return { path, format, field, reload: reloadOf(options), check, canaryCheck, commandTimeoutMs };
}

function reloadOf({ signal, pidFile, exec, httpReload }: AgentOptions): AgentFile['reload'] {
  const given = [signal, exec, httpReload].filter((each) => each !== undefined);
  if (given.length > 1) throw usage('--signal, --exec and --http-reload exclude each other');
  if ((signal === undefined) !== (pidFile === undefined)) throw usage('--signal and --pid-file are given together');
  if (signal !== undefined && pidFile !== undefined) {
    const name = signal.startsWith('SIG') ? signal : `SIG${signal}`;
    if (!signals.has(name)) throw usage(`--signal takes one of ${[...signals].join(', ')}`);
    return { kind: 'signal', signal: name, pidFile };
  }
  if (exec !== undefined) return { kind: 'exec', command: exec };
  if (httpReload === undefined) return { kind: 'none' };
  refuseClear(httpReload, '--http-reload');
  return { kind: 'http', url: httpReload };
}

function challengesOf({ challenges, env, instance, keyFile }: AgentOptions): AgentRequest['challenges'] {
  if (challenges === undefined) {
    const [first] = Object.entries({ env, instance, keyFile }).find(([, value]) => value !== undefined) ?? [];
    if (first !== undefined) throw usage(`${optionOf(first)} is for --challenges HOST:PORT`);
    return null;
  }
  const [, host = '', port = ''] =
    /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(challenges)?.filter((each) => each !== undefined) ?? [];
  if (host === '' || Number(port) > 65_535) throw usage('--challenges takes HOST:PORT, as 127.0.0.1:8091');
  if (env === undefined || env === '') {
    throw usage('--challenges needs --env: a challenge of another environment is refused; there is no default');
  }
  if (instance !== undefined && !/^[A-Za-z0-9_.:@/-]{1,128}$/.test(instance)) {
    throw usage('--instance has 1 to 128 letters, digits and _ . : @ / -');
  }
  return { host, port: Number(port), environment: env, instance: instance ?? null, keyFile: keyFile ?? null };
}

function socketOf({ listen, socketMode }: AgentOptions): AgentRequest['socket'] {
  if (listen === undefined) return null;
  const path = /^unix:(.+)$/.exec(listen)?.[1];
  if (path === undefined) throw usage('--listen takes unix:PATH');
  if (!/^[0-7]{3}$/.test(socketMode)) throw usage('--socket-mode takes three octal digits, as 660');
  return { path, mode: Number.parseInt(socketMode, 8) };
}

/** As long as a timer can be. */
const maxMs = 24 * 86_400_000;

function durationOf(text: string, name: string, minMs: number): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
  throw usage(`${name} takes a duration as 500ms, 30s or 15m, from ${minMs}ms to 24d`);
}

/** `pidFile` as it was typed: `--pid-file`. */
const optionOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

const usage = (finding: string): Error => keyturnError('USAGE', { finding, command: 'agent' });
