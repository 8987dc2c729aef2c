import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { createPool } from '../adapters/postgres/connection.js';
import {
  addAccessKey,
  listAccessKeys,
  postgresStoreAccess,
  revokeAccessKey,
} from '../adapters/postgres/store/access.js';
import { postgresParameters } from '../adapters/postgres/store/parameters.js';
import type { MadeAccessKey, NewToken, StoreListen } from '../cli/doors.js';
import type { Config } from '../config/config.js';
import { keyBytes, newAccessKey } from '../core/access-key.js';
import { keyturnError } from '../core/errors.js';
import { needsTls } from '../core/needs-tls.js';
import type { KnownAccessKey } from '../ports/parameters.js';
import { startStoreServer } from '../ssm-server/server.js';
import { createLog } from '../telemetry/log.js';
import { openKeyring } from './keyring.js';
import { type Urls, type Variables, levelOf } from './settings.js';
import { assertUsable, withPool } from './state.js';
import { builtInStoreOf } from './store.js';

/** Of what a server is a part. */
export interface Served {
  readonly variables: Variables;
  readonly urls: Pick<Urls, 'database'>;
  readonly config: Config;
}

/** A server that was started. */
export interface StartedServer {
  /** As whoever uses it writes it. */
  readonly url: string;
  /** Answers what is in work and ends. *Repeat*: not. */
  readonly stop: () => Promise<void>;
}

/** How many sessions with the state database the server may open. */
const sessions = 10;

/** Serves the built-in store by the wire protocol of SSM. */
export async function serveStore({ variables, urls, config }: Served, listen: StoreListen): Promise<StartedServer> {
  const tls = await tlsOf(listen);
  const pool = createPool(urls.database, { sessions });
  try {
    await assertUsable(pool);
    const parts = { pool, keyring: await openKeyring(config, pool) };
    const log = createLog({ level: levelOf(variables), stream: process.stderr });
    const server = await startStoreServer({
      parameters: postgresParameters(parts),
      access: postgresStoreAccess(parts),
      address: listen.address,
      port: listen.port,
      tls,
      onError: (code) => log.warn({ code }, 'store trouble'),
    });
    return {
      url: server.url,
      stop: async () => {
        await server.close();
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

async function tlsOf({
  address,
  tls,
  plain,
}: StoreListen): Promise<{ readonly cert: string; readonly key: string } | null> {
  if (tls !== null) {
    const read = { cert: await pem(tls.cert), key: await pem(tls.key) };
    refuseUnfit(read);
    return read;
  }
  if (plain || !needsTls(address, null)) return null;
  throw keyturnError('SETTING_INVALID', {
    setting: '--store-address',
    finding: `values would leave ${address} in clear`,
    cure: 'Give --tls-cert and --tls-key, or --plain-http where something in front of it speaks TLS.',
  });
}

/** Tells it before anything listens; what TLS has to say of it may quote the file. */
function refuseUnfit(read: { readonly cert: string; readonly key: string }): void {
  try {
    createSecureContext(read);
  } catch {
    throw keyturnError('SETTING_INVALID', {
      setting: '--tls-cert or --tls-key',
      finding: 'the two files are not a certificate in PEM and the private key of that certificate',
      cure: 'Name the certificate (with its chain) and its own key, without a passphrase.',
    });
  }
}

async function pem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw keyturnError('SETTING_INVALID', {
      setting: '--tls-cert or --tls-key',
      finding: `the file ${file} cannot be read`,
      cure: 'Name a file in PEM that this user can read.',
    });
  }
}

/**
 * Makes an access key. Its secret half is in the answer and, sealed, in the database; nowhere else. *Errors* `SETTING_INVALID`
 * for an environment whose parameters are elsewhere: the key would find nothing.
 */
export async function makeToken(
  urls: Pick<Urls, 'database'>,
  config: Config,
  { environment, principal, grants, requestsPerSecond, by }: NewToken,
): Promise<MadeAccessKey> {
  builtInStoreOf(config, environment);
  const { keyId, secret } = newAccessKey(randomBytes(keyBytes));
  return withPool(urls.database, async (pool) => {
    await assertUsable(pool);
    const keyring = await openKeyring(config, pool);
    const named = principal ?? `token:${keyId}`;
    await addAccessKey(
      { pool, keyring },
      { keyId, secret, environment, principal: named, grants, requestsPerSecond, by },
    );
    return { keyId, secret, environment, principal: named, grants, requestsPerSecond };
  });
}

/** Every access key there was. */
export function tokens(urls: Pick<Urls, 'database'>): Promise<readonly KnownAccessKey[]> {
  return withPool(urls.database, async (pool) => {
    await assertUsable(pool);
    return listAccessKeys(pool);
  });
}

/** Ends an access key. *Errors* `UNKNOWN_TOKEN`. */
export async function revokeToken(
  urls: Pick<Urls, 'database'>,
  token: { readonly keyId: string; readonly by: string; readonly reason: string },
): Promise<void> {
  await withPool(urls.database, async (pool) => {
    await assertUsable(pool);
    if (!(await revokeAccessKey(pool, token))) throw keyturnError('UNKNOWN_TOKEN', { token: token.keyId });
  });
}
