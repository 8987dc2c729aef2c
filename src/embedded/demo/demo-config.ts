import { type AppKey, type ServedSsm, names, appKeys } from './parts.js';

/** What the demo's configuration names. */
export interface DemoConfigOptions {
  readonly port: number;
  /** Where each application listens. */
  readonly appPorts: Readonly<Record<AppKey, number>>;
  /** Null: the built-in store. */
  readonly ssm: Pick<ServedSsm, 'endpoint'> | null;
}

/** Files of the demo's folder that its configuration refers to. */
export const files = {
  config: 'keyturn.config.ts',
  key: 'keyturn.key',
  ssmKey: 'parameter-store.key',
  adminPassword: 'admin-password',
} as const;

/** The file with the key of an application. */
export function consumerKeyFile(key: AppKey): string {
  return `${names.consumers[key]}.key`;
}

/** Who tries the pending version before it is promoted. */
const canaries: readonly AppKey[] = ['canary', 'next'];

/**
 * The configuration of the demo: as anybody would write it, with short waits for those who are watching. Nothing is
 * skipped, only waited for less long.
 */
export function demoConfig({ port, appPorts, ssm }: DemoConfigOptions): string {
  const place = (key: AppKey): string =>
    `name: '${names.consumers[key]}', url: 'http://127.0.0.1:${appPorts[key]}/', key: file('./${consumerKeyFile(key)}')`;
  const webhooks = appKeys.map((key) => `        { ${place(key)} },\n`).join('');
  const consumers = appKeys
    .map((key) => `            { ${place(key)}${canaries.includes(key) ? ', canary: true' : ''} },\n`)
    .join('');
  return `import { defineConfig, file } from 'keyturn';
import postgres from 'keyturn/rotators/postgres';

export default defineConfig({
  keyring: { file: './${files.key}' },
  environments: {
    ${names.environment}: {
      // The applications listen on loopback.
      allowPrivateAddresses: true,
${ssm === null ? '' : ssmStore(ssm)}      webhooks: [
${webhooks}      ],
      targets: {
        billing: {
          rotator: postgres,
          config: {
            endpoints: [{ host: '127.0.0.1', port: ${port} }],
            database: '${names.targetDatabase}',
            admin: { username: '${names.adminRole}', password: file('./${files.adminPassword}') },
          },
        },
      },
      secrets: {
        '${names.path}': {
          target: 'billing',
          config: { owner: '${names.owner}', logins: ['${names.logins[0]}', '${names.logins[1]}'] },
          policy: {
            grace: '1s', quiet: '1s', watch: '1s', poll: '250ms', canaryMax: '30s', maxSessionAge: '30s', drainMax: '1m',
            retry: { first: '250ms', max: '2s' },
          },
          consumers: [
${consumers}          ],
        },
      },
    },
  },
});
`;
}

/** The store stands in for AWS: real ones name no endpoint, and a lower rate. */
function ssmStore({ endpoint }: Pick<ServedSsm, 'endpoint'>): string {
  return `      store: {
        ssm: { region: '${names.ssmRegion}', key: '${names.ssmKey}', endpoint: '${endpoint}', putsPerSecond: 20 },
      },
`;
}
