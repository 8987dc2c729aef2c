import { resolve } from 'node:path';
import { loginFileOf } from '../adapters/postgres/connection.js';
import { openPrivateFile } from '../cli/private-file.js';
import type { Config } from '../config/config.js';
import { secretOf } from '../config/plan.js';
import { isKeyturnError, keyturnError } from '../core/errors.js';
import { openSecret } from '../core/secret.js';
import type { Log } from '../telemetry/log.js';
import type { Urls } from './settings.js';
import { type Stores, lookingScope } from './stores.js';

/** How often it is looked what `current` is on, and how long a look may take. Milliseconds. */
const LOOK_EVERY_MS = 5_000;
const LOOK_MAX_MS = 5_000;

/** A file that is kept up to date. */
export interface KeptLogin {
  readonly stop: () => void;
}

/**
 * Keeps the file that `loginfile` of the URL names at what `current` of the secret `databaseLogin` is on. Every worker does,
 * so that wherever one runs, whatever starts there logs in with the newest; sessions move by themselves.
 *
 * *Errors* `SETTING_INVALID` where the URL names no file.
 */
export function keepOwnLogin(parts: {
  readonly config: Config;
  readonly urls: Urls;
  readonly stores: Stores;
  readonly log: Log;
}): KeptLogin | undefined {
  const { config, urls, stores, log } = parts;
  if (config.databaseLogin === null) return undefined;
  const named = loginFileOf(urls.database);
  if (named === undefined) {
    throw keyturnError('SETTING_INVALID', {
      setting: 'KEYTURN_DATABASE_URL',
      finding: 'the configuration has a databaseLogin, and it names no loginfile',
      cure: 'Write postgres://host:5432/database?loginfile=/path/to/file, without a user.',
    });
  }
  const file = resolve(named);
  const secret = secretOf(config, config.databaseLogin.environment, config.databaseLogin.secret);
  let written = 0;
  let trouble: string | undefined;
  const look = async (): Promise<void> => {
    const current = await stores.port.read(lookingScope(config, secret, LOOK_MAX_MS), 'current');
    if (current === null || current.version === written) return;
    const draft = await openPrivateFile(file, { force: true });
    await draft.keep(openSecret(current.value));
    written = current.version;
    log.info({ secret: secret.id, version: written, file }, 'own login written');
  };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look()
      .then(
        () => (trouble = undefined),
        (error: unknown) => {
          const code = isKeyturnError(error) ? error.code : 'UNKNOWN';
          // Said once for each new trouble: what the file says holds meanwhile.
          if (code !== trouble) log.warn({ code, file }, 'own login not written');
          trouble = code;
        },
      )
      .finally(() => (looking = undefined))
      .then(() => undefined);
  }, LOOK_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}
