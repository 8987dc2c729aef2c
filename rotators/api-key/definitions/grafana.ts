import type { ApiKeySettings, SecretReference } from './setting.js';

/** What Grafana must be told of. */
export interface GrafanaOptions {
  /** `https://grafana.example.com`, with its sub-path where it has one. */
  readonly baseUrl: string;
  /** Of a service account that may write service accounts. */
  readonly token: SecretReference;
  /** How long a new token lives by itself. Seconds. Default: for ever. */
  readonly secondsToLive?: number;
}

/**
 * Tokens of a Grafana service account (9.1 and later); `principal` is the number of the account. A token carries our tag
 * as its name. Written by Grafana's documentation, and never run against Grafana.
 *
 * *Source* https://grafana.com/docs/grafana/latest/developers/http_api/serviceaccount/
 */
export function grafana({ baseUrl, token, secondsToLive }: GrafanaOptions): ApiKeySettings {
  const tokens = '/api/serviceaccounts/{principal}/tokens';
  return {
    baseUrl,
    auth: { kind: 'bearer', token },
    requests: {
      create: {
        method: 'POST',
        path: tokens,
        body: { name: '{tag}', ...(secondsToLive === undefined ? {} : { secondsToLive }) },
        identity: '/id',
        value: '/key',
      },
      // Whoever is logged in may search; what they find depends on their roles.
      verify: { method: 'GET', path: '/api/search?limit=1', headers: { authorization: 'Bearer {value}' } },
      list: {
        method: 'GET',
        path: tokens,
        items: '',
        identity: '/id',
        tag: '/name',
        dead: { pointer: '/isRevoked', equals: true },
      },
      destroy: { method: 'DELETE', path: `${tokens}/{identity}` },
    },
    // Names of one account are unique: the spare that has this one is found by it the next time.
    classify: [{ status: 409, request: 'create', means: 'transient' }],
  };
}
