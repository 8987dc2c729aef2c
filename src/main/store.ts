import { createPool } from '../adapters/postgres/connection.js';
import { postgresStoreAccess } from '../adapters/postgres/store/access.js';
import { postgresParameterUses } from '../adapters/postgres/store/parameter-uses.js';
import { postgresParameters } from '../adapters/postgres/store/parameters.js';
import { postgresViews } from '../adapters/postgres/views.js';
import type { OpenStore } from '../cli/doors.js';
import type { Config, EnvironmentConfig } from '../config/config.js';
import { environmentOf } from '../config/plan.js';
import { keyturnError } from '../core/errors.js';
import { openKeyring } from './keyring.js';
import { assertUsable } from './state.js';

/** Opens the built-in store of an environment for a command. */
export async function openStore(given: {
  readonly config: Config;
  readonly environment: string;
  /** Of the state database. */
  readonly url: string;
}): Promise<OpenStore> {
  const { name, secrets } = builtInStoreOf(given.config, given.environment);
  const pool = createPool(given.url, { sessions: 2 });
  try {
    await assertUsable(pool);
    const keyring = await openKeyring(given.config, pool);
    const views = postgresViews(pool);
    const access = postgresStoreAccess({ pool, keyring });
    return {
      environment: name,
      parameters: postgresParameters({ pool, keyring }),
      // The configuration as well: a first version can be put before any worker has declared its secret.
      managed: async () => new Set([...Object.keys(secrets), ...(await views.secrets(name)).map(({ path }) => path)]),
      openRotation: async (path) => {
        const [open] = await views.rotations({ secret: `${name}:${path}`, open: true, limit: 1 });
        return open?.rotationId ?? null;
      },
      uses: postgresParameterUses(pool),
      keyring,
      note: (accesses) => access.note(accesses),
      close: () => pool.end(),
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/**
 * The environment, where its parameters are in the built-in store: what the database holds of another is not what its
 * consumers read. *Errors* `SETTING_INVALID`.
 */
export function builtInStoreOf(config: Config, environment: string): EnvironmentConfig {
  const found = environmentOf(config, environment);
  if (found.store.kind === 'built-in') return found;
  throw keyturnError('SETTING_INVALID', {
    setting: '--env',
    finding: `the parameters of ${environment} are in AWS SSM (${found.store.region}), and this command is for the built-in store`,
    cure: 'Use the aws CLI or an SDK of AWS there; `keyturn store put --current` puts a first version.',
  });
}
