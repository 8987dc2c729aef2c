import { type SsmClients, ssmClients } from '../../../src/adapters/aws/ssm-client.js';
import { shadowStore } from '../../../src/adapters/aws/ssm-shadow.js';
import { ssmStore } from '../../../src/adapters/aws/ssm-store.js';
import { StoreRate } from '../../../src/adapters/postgres/store/rate.js';
import { postgresStoreSends } from '../../../src/adapters/postgres/store/sends.js';
import type { Bound, Scope, StorePort } from '../../../src/ports/step-ports.js';
import type { StoreSends } from '../../../src/ports/store-sends.js';
import { FaultProxy } from '../../support/ssm/fault-proxy.js';
import { type SsmUnderTest, ssmUnderTest } from '../../support/ssm/ssm-under-test.js';
import { type StoreFixture, storeFixture } from '../store/store-fixture.js';

// Two databases. One is the state database of the engine under test: leases, rotations, buckets, notes of puts. The other
// stands for AWS: its store is served by our wire server. There the secrets of the first are parameters like any other,
// because a server refuses foreign writes of what its own installation manages.

/** The adapter, its state database, and a Parameter Store behind a proxy that can be made bad. */
export interface SsmFixture extends StoreFixture {
  readonly ssm: SsmUnderTest;
  readonly proxy: FaultProxy;
  readonly clients: SsmClients;
  readonly sends: StoreSends;
  /** The same store as another worker sees it. */
  readonly anotherWorker: () => Bound<StorePort>;
  /** The parameter that holds the versions of a secret. */
  readonly nameOf: (scope: Scope) => string;
  /** The parameter that consumers of bare names read. */
  readonly bareOf: (scope: Scope) => string;
}

/** Of the plan of every rotation: six minutes, as in production. Milliseconds. */
export const settleMs = 360_000;

/** How a suite may change the parts. */
export interface SsmFixtureOptions {
  /** Of puts, and of label moves. Default: faster than anybody asks. */
  readonly perSecond?: number;
  /** Milliseconds. Default {@link settleMs}. */
  readonly storeSettleMs?: number;
  /** Default `label`. */
  readonly staging?: 'label' | 'shadow';
}

/** Opens it. The caller closes it. */
export async function ssmFixture({
  perSecond = 10_000,
  storeSettleMs = settleMs,
  staging = 'label',
}: SsmFixtureOptions = {}): Promise<SsmFixture> {
  const fixture = await storeFixture();
  const ssm = await ssmUnderTest();
  const proxy = await FaultProxy.start(ssm.endpoint);
  const clients = ssmClients({
    region: ssm.region,
    endpoint: proxy.endpoint,
    ...(ssm.credentials === undefined ? {} : { credentials: ssm.credentials }),
  });
  const bucket = (what: string): StoreRate => new StoreRate(fixture.pool, { bucket: `test:${what}`, perSecond });
  const sends = postgresStoreSends(fixture.pool, { put: bucket('put'), label: bucket('label') });
  const open = staging === 'shadow' ? shadowStore : ssmStore;
  const suffix = staging === 'shadow' ? '.keyturn' : '';
  const worker = (): Bound<StorePort> =>
    open({ clients, sends, keyId: ssm.keyId, prefix: ssm.prefix, keyring: fixture.keyring });
  const names = new Set<string>();
  const outside = (scope: Scope): Scope => ({ ...scope, plan: { ...scope.plan, storeSettleMs } });
  return {
    ...fixture,
    ssm,
    proxy,
    clients,
    sends,
    store: worker(),
    anotherWorker: worker,
    nameOf: ({ plan }) => `${ssm.prefix}${plan.path}${suffix}`,
    bareOf: ({ plan }) => `${ssm.prefix}${plan.path}`,
    freshSecret: async () => {
      const secret = await fixture.freshSecret();
      const name = `${ssm.prefix}${secret.slice(secret.indexOf(':') + 1)}`;
      names.add(name).add(`${name}${suffix}`);
      return secret;
    },
    begin: async (secret) => outside(await fixture.begin(secret)),
    takeOver: async (scope) => outside(await fixture.takeOver(scope)),
    close: async () => {
      clients.close();
      await proxy.close();
      await ssm.close([...names]);
      await fixture.close();
    },
  };
}
