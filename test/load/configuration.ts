import { basename } from 'node:path';
import { consumerNames, filesIn, names, secrets } from './cast.js';

/** What the configuration names. */
export interface ConfigurationOptions {
  /** Of the target's server. */
  readonly port: number;
  /** Where each consumer listens, by name. */
  readonly consumerPorts: ReadonlyMap<string, number>;
}

/**
 * The configuration of a run, as anybody would write it, with short waits. Nothing is skipped, only waited for less
 * long; what ends a wait by time (`canaryMax`, `drainMax`) is so long that a slow machine does not reach it.
 */
export function configuration({ port, consumerPorts }: ConfigurationOptions): string {
  const files = filesIn('.');
  const file = (path: string): string => `file('./${basename(path)}')`;
  const address = (consumer: string): string => `http://127.0.0.1:${consumerPorts.get(consumer) ?? 0}/`;
  const webhooks = consumerNames.map(
    (name) => `{ name: '${name}', url: '${address(name)}', key: ${file(files.consumerKey(name))} }`,
  );
  const declared = secrets.map(({ path, owner, logins, consumers }) => {
    const readers = consumers.map(
      (name, index) =>
        `{ name: '${name}', url: '${address(name)}', canary: ${index === 0}, key: ${file(files.consumerKey(name))} }`,
    );
    return `'${path}': {
      target: 'billing', policy,
      config: { owner: '${owner}', logins: ['${logins[0]}', '${logins[1]}'] },
      consumers: [${readers.join(', ')}],
    }`;
  });
  return `import { defineConfig, file } from 'keyturn';
import postgres from 'keyturn/rotators/postgres';

const policy = {
  grace: '1s', quiet: '1s', watch: '1s', poll: '250ms', canaryMax: '30m', maxSessionAge: '10m', drainMax: '1h',
  retry: { first: '250ms', max: '2s' },
};

export default defineConfig({
  keyring: { file: './${basename(files.key)}' },
  environments: {
    ${names.environment}: {
      // The consumers listen on loopback.
      allowPrivateAddresses: true,
      webhooks: [${webhooks.join(', ')}],
      targets: {
        billing: {
          rotator: postgres,
          concurrency: 16,
          config: {
            endpoints: [{ host: '127.0.0.1', port: ${port} }],
            database: '${names.targetDatabase}',
            admin: { username: '${names.adminRole}', password: ${file(files.adminPassword)} },
          },
        },
      },
      secrets: { ${declared.join(', ')} },
    },
  },
});
`;
}
