import { randomBytes } from 'node:crypto';
import { localKeyring } from '../adapters/local-keyring/local-keyring.js';
import { createPool } from '../adapters/postgres/connection.js';
import { migrate } from '../adapters/postgres/migrate.js';
import { addAccessKey, postgresStoreAccess } from '../adapters/postgres/store/access.js';
import { postgresParameters } from '../adapters/postgres/store/parameters.js';
import { keyBytes, newAccessKey } from '../core/access-key.js';
import type { Verb } from '../core/path-grant.js';
import { openSecret } from '../core/secret.js';
import type { AccessKey } from '../embedded/demo/app/app-protocol.js';
import { type DemoParts, type ServedSsm, names } from '../embedded/demo/parts.js';
import { startStoreServer } from '../ssm-server/server.js';

/** More than the probe, the application and two workers ask for. */
const requestsPerSecond = 500;

/**
 * Serves the Parameter Store of the demo: our own server on a database of its own. The workers know it by its endpoint and
 * an access key, as they would know AWS.
 */
export const serveSsm: DemoParts['serveSsm'] = async ({ databaseUrl, keyFile }): Promise<ServedSsm> => {
  await migrate(databaseUrl, {});
  const pool = createPool(databaseUrl, { sessions: 6 });
  const parts = { pool, keyring: await localKeyring(keyFile) };
  const server = await startStoreServer({
    parameters: postgresParameters(parts),
    access: postgresStoreAccess(parts),
    address: '127.0.0.1',
    port: 0,
    tls: null,
    // Whoever asks hears of it, and the demo counts what fails.
    onError: () => {},
  });
  const keyFor = async (principal: string, allow: readonly Verb[]): Promise<AccessKey> => {
    const { keyId, secret } = newAccessKey(randomBytes(keyBytes));
    const grants = [{ path: names.path, allow }];
    const { environment } = names;
    await addAccessKey(parts, { keyId, secret, environment, principal, grants, requestsPerSecond, by: 'demo' });
    return { accessKeyId: keyId, secretAccessKey: new TextDecoder().decode(openSecret(secret)) };
  };
  return {
    endpoint: server.url,
    workers: await keyFor('workers', ['read', 'write']),
    reader: await keyFor('applications', ['read']),
    stop: async () => {
      await server.close();
      await pool.end();
    },
  };
};
