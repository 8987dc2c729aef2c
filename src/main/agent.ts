import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { posix, resolve } from 'node:path';
import type { AgentEvent, Tell } from '../agent/agent-event.js';
import { type AgentOptions, applyOnce, startAgent } from '../agent/agent.js';
import { type Command, wordsOf } from '../agent/command.js';
import type { FileFormat } from '../agent/file-content.js';
import type { Reload } from '../agent/reload.js';
import { AgentSettingError } from '../agent/setting-error.js';
import { type ParameterSource, parametersOfSsm } from '../agent/stored-parameter.js';
import { type AgentFile, type AgentRequest, refuseClear } from '../cli/agent-options.js';
import type { RunningAgent } from '../cli/doors.js';
import { variablesOf } from '../core/environment-variables.js';
import { keyturnError } from '../core/errors.js';
import { createLog } from '../telemetry/log.js';
import { type Variables, levelOf, variableOf } from './settings.js';

/** Starts the agent of an application. *Errors* `SETTING_INVALID`, `SETTING_MISSING`. */
export async function startAgentOf(request: AgentRequest, variables: Variables): Promise<RunningAgent> {
  return told(async () => startAgent(await optionsOf(request, variables)));
}

/** Brings its file to what is current, once. *Errors* `AGENT_FAILED`, `SETTING_INVALID`. */
export async function applyOnceOf(
  request: AgentRequest,
  { variables, signal }: { readonly variables: Variables; readonly signal: AbortSignal },
): Promise<void> {
  await told(async () => {
    const { file, ...options } = await optionsOf(request, variables);
    if (file === null) throw new TypeError('it is called with a file');
    const finding = await applyOnce({ ...options, file, signal });
    const secret = request.secrets[0] ?? '';
    if (finding !== undefined) throw keyturnError('AGENT_FAILED', { secret, file: file.path, finding });
  });
}

/** The agent has no catalogue: what it says of a setting becomes an error of ours here. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AgentSettingError)) throw error;
    const { setting, finding, cure } = error;
    throw keyturnError('SETTING_INVALID', { setting, finding, cure });
  }
}

async function optionsOf(request: AgentRequest, variables: Variables): Promise<AgentOptions> {
  const { secrets, staging, ttlMs, staleMs, file, challenges, socket } = request;
  const commands = commandsOf(file, variables);
  const log = createLog({ level: levelOf(variables), stream: process.stderr });
  return {
    ...{ secrets, staging, ttlMs, staleMs, socket },
    file:
      file === null
        ? null
        : {
            path: resolve(file.path),
            format: formatOf(file, secrets[0] ?? ''),
            reload: reloadOf(file, commands),
            check: commands('--check', file.check),
          },
    canaryCheck: commands('--canary-check', file?.canaryCheck ?? null),
    challenges:
      challenges === null
        ? null
        : {
            ...challenges,
            instance: challenges.instance ?? hostname(),
            keys: await keysOf(challenges.keyFile, variables),
            field: file?.field ?? '',
          },
    tell: tellIn(log),
    // The last: nothing after it fails, and it is closed with the agent.
    source: sourceOf(request, variables),
  };
}

function sourceOf({ endpoint, plainHttp }: AgentRequest, variables: Variables): ParameterSource {
  const url = endpoint ?? variableOf(variables, 'KEYTURN_STORE_URL') ?? null;
  if (url !== null && !plainHttp) refuseClear(url, endpoint === null ? 'KEYTURN_STORE_URL' : '--endpoint');
  const hasRegion = ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE'].some(
    (name) => variableOf(variables, name) !== undefined,
  );
  // Keyturn's own store takes any; the SDK signs with none.
  return parametersOfSsm({ endpoint: url, region: url !== null && !hasRegion ? 'eu-central-1' : null });
}

/**
 * What opens the store or signs for the application stays with the agent. The SDK of AWS finds credentials by many names,
 * and by more with each release: of its own only the region is handed on.
 */
const withheld = /^(KEYTURN_|AWS_(?!(DEFAULT_)?REGION$))/;

function commandsOf(file: AgentFile | null, variables: Variables) {
  const inherited = Object.fromEntries(
    Object.entries(variables).filter(
      (each): each is [string, string] => each[1] !== undefined && !withheld.test(each[0]),
    ),
  );
  return (setting: string, text: string | null): Command | null => {
    if (file === null || text === null) return null;
    const words = wordsOf(text);
    if (words === undefined) {
      const cure = `Write a program and its arguments, or: ${setting} "sh -c '…'"`;
      throw new AgentSettingError(setting, 'it is no command, or a quote in it is not closed', cure);
    }
    return { words, variables: inherited, timeoutMs: file.commandTimeoutMs };
  };
}

function reloadOf({ reload, commandTimeoutMs }: AgentFile, commands: ReturnType<typeof commandsOf>): Reload {
  switch (reload.kind) {
    case 'none':
      return reload;
    case 'signal':
      // The command line takes names of signals only.
      return { ...reload, signal: reload.signal as NodeJS.Signals, pidFile: resolve(reload.pidFile) };
    case 'exec': {
      const command = commands('--exec', reload.command);
      return command === null ? { kind: 'none' } : { kind: 'exec', command };
    }
    case 'http':
      return { ...reload, timeoutMs: commandTimeoutMs };
    default:
      return reload satisfies never;
  }
}

/** The names are those that `keyturn exec` gives for what is beside the secret. */
function formatOf({ format, field }: AgentFile, secret: string): FileFormat {
  switch (format) {
    case 'json':
      return { kind: 'json' };
    case 'value':
      return { kind: 'value', field };
    case 'env':
      return {
        kind: 'env',
        variablesOf: (value) => {
          const named = variablesOf(posix.dirname(secret), [{ path: secret, value }]);
          return 'variables' in named ? named.variables : named;
        },
      };
    default:
      return format satisfies never;
  }
}

const makeKey = 'Make one with: echo "whsec_$(openssl rand -base64 32)"';

async function keysOf(file: string | null, variables: Variables): Promise<readonly string[]> {
  const setting = file === null ? 'KEYTURN_CONSUMER_KEY' : '--key-file';
  const text = file === null ? (variables['KEYTURN_CONSUMER_KEY'] ?? '') : await privateText(file);
  const keys = text.split(/\s+/).filter((each) => each !== '');
  if (keys.length === 0 && file === null) {
    const cure = 'Set it to the key of this consumer, or give --key-file PATH. It is never an argument.';
    throw keyturnError('SETTING_MISSING', { setting, cure });
  }
  const isUsable = keys.length > 0 && keys.every((key) => isKey(key));
  if (!isUsable) throw new AgentSettingError(setting, 'it is not whsec_ and the Base64 of 24 to 64 bytes', makeKey);
  return keys;
}

function isKey(key: string): boolean {
  const bytes = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(key)?.[1];
  const length = Buffer.from(bytes ?? '', 'base64').length;
  return length >= 24 && length <= 64;
}

async function privateText(file: string): Promise<string> {
  const setting = '--key-file';
  try {
    if (((await stat(file)).mode & 0o077) !== 0) {
      throw new AgentSettingError(setting, `others can read ${file}`, `Run: chmod 600 ${file}`);
    }
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof AgentSettingError) throw error;
    throw new AgentSettingError(setting, `${file} cannot be read`, 'Name a file that this user may read.');
  }
}

const messages = {
  written: ['info', 'file written'],
  reloaded: ['info', 'application told'],
  applied: ['info', 'file in use'],
  'not-applied': ['warn', 'file not in use yet'],
  'not-read': ['warn', 'secret not read'],
  proved: ['info', 'proof given'],
  tried: ['info', 'pending version tried'],
  refused: ['error', 'pending version refused'],
  'not-proved': ['debug', 'no proof yet'],
} as const satisfies Record<AgentEvent['kind'], readonly [string, string]>;

function tellIn(log: ReturnType<typeof createLog>): Tell {
  return ({ kind, ...facts }) => {
    const [level, message] = messages[kind];
    log[level](facts, message);
  };
}
