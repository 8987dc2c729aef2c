import { type ServedSsm, names } from './parts.js';

/** What the demo's configuration names. */
export interface DemoConfigOptions {
  readonly port: number;
  /** Where the sample application listens. */
  readonly appPort: number;
  /** Null: the built-in store. */
  readonly ssm: Pick<ServedSsm, 'endpoint'> | null;
}

/** Files of the demo's folder that its configuration refers to. */
export const files = {
  config: 'keyturn.config.ts',
  key: 'keyturn.key',
  ssmKey: 'parameter-store.key',
  adminPassword: 'admin-password',
  consumerKey: 'consumer-key',
} as const;

/**
 * The configuration of the demo: as anybody would write it, with short waits for those who are watching. Nothing is
 * skipped, only waited for less long.
 */
export function demoConfig({ port, appPort, ssm }: DemoConfigOptions): string {
  const app = `http://127.0.0.1:${appPort}/`;
  return `import { defineConfig, file } from 'keyturn';
import postgres from 'keyturn/rotators/postgres';

const key = file('./${files.consumerKey}');

export default defineConfig({
  keyring: { file: './${files.key}' },
  environments: {
    ${names.environment}: {
      // The sample application listens on loopback.
      allowPrivateAddresses: true,
${ssm === null ? '' : ssmStore(ssm)}      webhooks: [{ name: '${names.consumer}', url: '${app}', key }],
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
          consumers: [{ name: '${names.consumer}', url: '${app}', canary: true, key }],
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
