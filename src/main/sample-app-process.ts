// The sample application of the demo: an application of its own, beside the workers. It reads the store with a role that
// may do nothing else.
import { localKeyring } from '../adapters/local-keyring/local-keyring.js';
import { createPool } from '../adapters/postgres/connection.js';
import { postgresStoreReader } from '../adapters/postgres/store/versions.js';
import { parseCredential } from '../core/credential.js';
import { runSampleApp } from '../embedded/demo/app/run-sample-app.js';

const fields = { identity: 'username', value: 'password' };

runSampleApp(async ({ stateUrl, keyFile, secret }) => {
  const pool = createPool(stateUrl, { sessions: 2 });
  const reader = postgresStoreReader({ pool, keyring: await localKeyring(keyFile) });
  return {
    read: async (selector) => {
      const version = await reader.readCurrent(secret, selector);
      if (version === null) return null;
      return { version: version.version, credential: parseCredential(version.value, fields, secret) };
    },
    close: () => pool.end(),
  };
});
