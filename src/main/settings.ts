import inPlaceRotation from '../../workflows/in-place-rotation.js';
import stagedRotation from '../../workflows/staged-rotation.js';
import { resolve } from 'node:path';
import { parseQueueUrl } from '../adapters/bullmq/queue-url.js';
import { calendar } from '../adapters/cron/calendar.js';
import type { Where } from '../cli/doors.js';
import type { Config } from '../config/config.js';
import { findConfig, loadConfig } from '../config/load.js';
import { keyturnError } from '../core/errors.js';
import { readDescriptor } from '../embedded/up-folder.js';
import type { LogLevel } from '../telemetry/log.js';

/** Every workflow this version knows, every number of it: an old one stays until no open rotation carries it. */
export const workflows = [stagedRotation, inPlaceRotation];

/** The environment of the process, as `src/main.ts` hands it on. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Connection strings: secrets, though not of the type, because drivers take text. */
export interface Urls {
  readonly database: string;
  readonly queue: string;
}

/** Where the state and the queue are. *Errors* `SETTING_MISSING`. */
export async function urlsOf(variables: Variables, { data }: Where): Promise<Urls> {
  const database = variableOf(variables, 'KEYTURN_DATABASE_URL') ?? (await readDescriptor(data))?.databaseUrl;
  if (database === undefined) {
    throw keyturnError('SETTING_MISSING', {
      setting: 'KEYTURN_DATABASE_URL',
      cure: 'Set it to postgres://user@host:5432/database, or start `keyturn up` in this folder.',
    });
  }
  return { database, queue: variableOf(variables, 'KEYTURN_QUEUE_URL') ?? database };
}

/**
 * Refuses a queue URL that is none, before anything is written: the queue itself is spoken to when there is something
 * to ring for, and by then it was accepted. Where the state database is the queue, that says for itself what is wrong.
 *
 * *Errors* `SETTING_INVALID`.
 */
export function assertQueueUrl({ database, queue }: Urls): void {
  if (queue !== database) parseQueueUrl(queue);
}

/** An empty variable is one that is not set: that is how a compose file leaves it out. */
export function variableOf(variables: Variables, name: string): string | undefined {
  const value = variables[name];
  return value === '' ? undefined : value;
}

/** Where the configuration is, or would be: absolute. */
export function configFileOf(variables: Variables, { config }: Where): string {
  return resolve(config ?? variableOf(variables, 'KEYTURN_CONFIG') ?? findConfig('.') ?? 'keyturn.config.ts');
}

/** *Errors* `CONFIG_MISSING` and those of `loadConfig`. */
export async function configOf(variables: Variables, where: Where): Promise<Config> {
  return loadConfig(configFileOf(variables, where), {
    workflows,
    calendar: calendar(),
    openIsolated: async (isolation, configs, { from }) => {
      // Loaded where a configuration names one: most name none.
      const { openIsolatedRotator } = await import('../adapters/child/isolated-rotator.js');
      return openIsolatedRotator(isolation, configs, { from, variables });
    },
  });
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** How much is logged. *Default* `info`. *Errors* `SETTING_INVALID`. */
export function levelOf(variables: Variables): LogLevel {
  const wanted = variableOf(variables, 'KEYTURN_LOG_LEVEL') ?? 'info';
  const level = levels.find((each) => each === wanted);
  if (level !== undefined) return level;
  throw keyturnError('SETTING_INVALID', {
    setting: 'KEYTURN_LOG_LEVEL',
    finding: 'it is no level',
    cure: `Set it to one of: ${levels.join(', ')}.`,
  });
}
