import { randomBytes } from 'node:crypto';
import { SSMClient } from '@aws-sdk/client-ssm';
import { type NewAccessKey, addAccessKey, postgresStoreAccess } from '../../src/adapters/postgres/store/access.js';
import { postgresParameters } from '../../src/adapters/postgres/store/parameters.js';
import { newAccessKey } from '../../src/core/access-key.js';
import { openSecret } from '../../src/core/secret.js';
import type { StoreAccess } from '../../src/ports/parameters.js';
import { type StoreServerOptions, startStoreServer } from '../../src/ssm-server/server.js';
import { type StoreFixture, storeFixture } from '../adapters/store/store-fixture.js';

/** The store of a database of its own, served by the wire protocol. */
export interface ServedStore extends StoreFixture {
  readonly serverUrl: string;
  /** Codes of errors of ours that the server has told of. */
  readonly troubles: readonly string[];
  /** A new access key; by default it may do everything in the environment `test`. */
  readonly key: (change?: Partial<NewAccessKey>) => Promise<AwsKey>;
  /** A client of AWS's own SDK with that key. It tries once, so that a test sees what it was answered. */
  readonly client: (key?: AwsKey, options?: { readonly clockOffsetMs?: number }) => Promise<SSMClient>;
}

/** As AWS calls the two halves. */
export interface AwsKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** How it is served, where that is not the default. */
export interface ServedStoreOptions extends Partial<StoreServerOptions> {
  /** The time by which it judges signatures. Milliseconds since 1970. Default: the database's. */
  readonly nowMs?: () => number;
}

/** Opens it. The caller closes it. */
export async function servedStore({ nowMs, ...options }: ServedStoreOptions = {}): Promise<ServedStore> {
  const fixture = await storeFixture();
  const access = postgresStoreAccess(fixture);
  const troubles: string[] = [];
  const server = await startStoreServer({
    parameters: postgresParameters(fixture),
    access: nowMs === undefined ? access : atTime(access, nowMs),
    ...(nowMs === undefined ? {} : { monotonicMs: nowMs }),
    address: '127.0.0.1',
    port: 0,
    tls: null,
    onError: (code) => void troubles.push(code),
    ...options,
  });
  const clients: SSMClient[] = [];
  const key = async (change: Partial<NewAccessKey> = {}): Promise<AwsKey> => {
    const { keyId, secret } = newAccessKey(randomBytes(64));
    await addAccessKey(fixture, {
      keyId,
      secret,
      environment: 'test',
      principal: 'tester',
      grants: [{ path: '/*', allow: ['read', 'write', 'delete'] }],
      requestsPerSecond: 10_000,
      by: 'ada',
      ...change,
    });
    return { accessKeyId: keyId, secretAccessKey: new TextDecoder().decode(openSecret(secret)) };
  };
  return {
    ...fixture,
    serverUrl: server.url,
    troubles,
    key,
    client: async (given, { clockOffsetMs = 0 } = {}) => {
      const client = new SSMClient({
        endpoint: server.url,
        region: 'eu-central-1',
        credentials: given ?? (await key()),
        maxAttempts: 1,
        systemClockOffset: clockOffsetMs,
        // It would follow the date of the answers, which is not the time that signatures are judged by.
        disableClockSkewCorrection: nowMs !== undefined,
      });
      clients.push(client);
      return client;
    },
    close: async () => {
      for (const client of clients) client.destroy();
      await server.close();
      await fixture.close();
    },
  };
}

/** The same keys, read at another time. */
function atTime(access: StoreAccess, nowMs: () => number): StoreAccess {
  return {
    ...access,
    find: async (keyId) => {
      const key = await access.find(keyId);
      return key === null ? null : { ...key, nowMs: nowMs() };
    },
  };
}
