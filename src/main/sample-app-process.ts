// The sample application of the demo: an application of its own, beside the workers. It reads the store with a role, or an
// access key, that may do nothing else.
import { localKeyring } from '../adapters/local-keyring/local-keyring.js';
import { createPool } from '../adapters/postgres/connection.js';
import { postgresStoreReader } from '../adapters/postgres/store/versions.js';
import { parseCredential } from '../core/credential.js';
import type { AppStore, SsmPlace } from '../embedded/demo/app/app-protocol.js';
import { runSampleApp } from '../embedded/demo/app/run-sample-app.js';

const fields = { identity: 'username', value: 'password' };

runSampleApp(async ({ store, secret }) => {
  const { read, close } = store.kind === 'ssm' ? await openSsm(store) : await openBuiltIn(store, secret);
  return {
    read: async (selector) => {
      const found = await read(selector);
      if (found === null) return null;
      return { version: found.version, credential: parseCredential(found.value, fields, secret) };
    },
    close,
  };
});

async function openBuiltIn({ stateUrl, keyFile }: AppStore & { readonly kind: 'built-in' }, secret: string) {
  const pool = createPool(stateUrl, { sessions: 2 });
  const reader = postgresStoreReader({ pool, keyring: await localKeyring(keyFile) });
  return { read: (selector: 'current' | number) => reader.readCurrent(secret, selector), close: () => pool.end() };
}

/** Loaded where it is used, as everywhere. */
async function openSsm(place: SsmPlace) {
  const { ssmReader } = await import('../adapters/aws/ssm-reader.js');
  return ssmReader(place);
}
