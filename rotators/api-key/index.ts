import { CONTRACT, defineRotator } from 'keyturn/rotator';
import { type ApiKeyConfig, canFind, configSchema, isOurs } from './config.js';
import { connect } from './connection.js';

export { type GrafanaOptions, grafana } from './definitions/grafana.js';
export { type RestOptions, rest } from './definitions/rest.js';
export { type RabbitmqOptions, type RabbitmqPermissions, rabbitmq } from './definitions/rabbitmq.js';
export type { ApiKeySettings, SecretReference } from './definitions/setting.js';
export { type UnleashOptions, unleash } from './definitions/unleash.js';
export { type VerdaccioOptions, verdaccio } from './definitions/verdaccio.js';

/**
 * Rotates API keys over HTTP, by the definition of the provider: its requests, and where their answers have what. The
 * provider makes a key and shows it once; or, where a definition says so, takes the name and the value that we give it.
 */
export default defineRotator<ApiKeyConfig>({
  name: 'api-key',
  contract: CONTRACT,
  config: configSchema,
  credential: { identity: 'id', value: 'key' },
  capabilities: (config) => {
    const { requests, settleMs, propagationMs, exclusive } = config;
    return {
      overlap: 'two-live',
      origin: isOurs(config) ? 'ours' : 'provider',
      fence: false,
      disable: requests.disable !== undefined && requests.enable !== undefined,
      usage: false,
      endsSessions: false,
      list: canFind(config),
      exclusive: exclusive === true,
      // What was asked for last is then over and shows in the list.
      settleMs: settleMs + (requests.list?.lagMs ?? 0),
      propagationMs,
    };
  },
  principal: ({ principal }) => principal,
  warnings: ({ acceptOrphans, baseUrl }) =>
    acceptOrphans === true
      ? [
          `a key at ${new URL(baseUrl).host} whose creation is cut off is never found again and stays alive (acceptOrphans)`,
        ]
      : [],
  connect,
  classify: () => 'unknown',
});
