import { refusalOf } from '../adapters/http/outbound.js';
import { keyName } from '../adapters/http/signing.js';
import { postgresAcks } from '../adapters/postgres/acks.js';
import { createPool } from '../adapters/postgres/connection.js';
import { postgresInstanceRegister } from '../adapters/postgres/instances.js';
import { startAcksServer } from '../api/acks.js';
import type { Config, ConsumerConfig } from '../config/config.js';
import { createLog } from '../telemetry/log.js';
import { openKeyring } from './keyring.js';
import { reachOf, verifierOf } from './outside.js';
import { levelOf, variableOf } from './settings.js';
import { assertUsable } from './state.js';
import type { Served, StartedServer } from './store-server.js';
import { openStores } from './stores.js';

/** How many sessions with the state database the server may open. */
const sessions = 10;

/** Takes what consumers answer to challenges later, and that their instances are there. */
export async function serveAcks({ variables, urls, config }: Served, port: number): Promise<StartedServer> {
  const pool = createPool(urls.database, { sessions });
  const closers: (() => Promise<unknown>)[] = [() => pool.end()];
  const stop = async (): Promise<void> => {
    for (const each of closers.splice(0).reverse()) await each();
  };
  try {
    await assertUsable(pool);
    const keyring = await openKeyring(config, pool);
    // Keys of consumers may be secrets of Keyturn's own.
    const stores = await openStores({ config, pool, keyring });
    closers.push(async () => stores.close());
    const verify = await verifierOf({ variables, config, pool, stores });
    const log = createLog({ level: levelOf(variables), stream: process.stderr });
    let unknown = 0;
    const server = await startAcksServer({
      address: variableOf(variables, 'KEYTURN_ACKS_ADDRESS') ?? '127.0.0.1',
      port,
      acks: postgresAcks({ pool, keyring }),
      isDeclared: ({ environment, secret, consumer }) =>
        declaredIn(config, environment, secret, consumer) !== undefined,
      verify: async ({ secret, consumer, nowMs }, message) => verify(keyName(secret, consumer), { ...message, nowMs }),
      onUnknown: () => {
        unknown += 1;
        // Each time there are twice as many: whoever sends them must not fill the log.
        if (Number.isInteger(Math.log2(unknown))) log.warn({ unknown }, 'acks with a nonce that nobody knows');
      },
      onTrouble: (code) => log.warn({ code }, 'acks trouble'),
      instances: {
        register: postgresInstanceRegister(pool),
        isDeclared: ({ secret, consumer }) => declaredIn(config, environmentIn(secret), secret, consumer) !== undefined,
        isCounted: ({ secret, consumer }) =>
          declaredIn(config, environmentIn(secret), secret, consumer)?.instances === 'registered',
        verify: ({ secret, consumer }, message) => verify(keyName(secret, consumer), message),
        refusalOf: async (secret, url) => {
          const environment = config.environments[environmentIn(secret)];
          return environment === undefined ? undefined : refusalOf(url, reachOf(environment));
        },
      },
    });
    closers.push(() => server.close());
    return { url: `${server.url}/v1/acks`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const environmentIn = (secret: string): string => secret.slice(0, secret.indexOf(':'));

function declaredIn(
  { environments }: Config,
  environment: string,
  secret: string,
  consumer: string,
): ConsumerConfig | undefined {
  const secrets = Object.values(environments[environment]?.secrets ?? {});
  return secrets.find(({ id }) => id === secret)?.consumers.find(({ name }) => name === consumer);
}
