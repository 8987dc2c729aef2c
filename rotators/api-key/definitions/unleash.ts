import type { ApiKeySettings, SecretReference } from './setting.js';

/** What Unleash must be told of. */
export interface UnleashOptions {
  /** `https://unleash.example.com`. */
  readonly baseUrl: string;
  /** An admin token. */
  readonly token: SecretReference;
  /** Of the new tokens. Default `development`. */
  readonly environment?: string;
  /** Default: all. */
  readonly projects?: readonly string[];
}

/**
 * Backend tokens of Unleash, which carry our tag as their name; `principal` says whose they are.
 *
 * **Unleash deletes a token by its value in the URL**: it has no other way, so values of old tokens come into the access
 * logs of Unleash and of every proxy before it. It goes on accepting a deleted token for about a minute (measured on
 * 7.5.1): `propagationMs` gives it 90 s.
 */
export function unleash({ baseUrl, token, environment, projects }: UnleashOptions): ApiKeySettings {
  const tokens = '/api/admin/api-tokens';
  return {
    baseUrl,
    auth: { kind: 'header', name: 'authorization', value: token },
    requests: {
      create: {
        method: 'POST',
        path: tokens,
        body: {
          tokenName: '{tag}',
          type: 'backend',
          environment: environment ?? 'development',
          projects: projects ?? ['*'],
        },
        identity: '/tokenName',
        value: '/secret',
      },
      verify: { method: 'GET', path: '/api/client/features', headers: { authorization: '{value}' } },
      list: {
        method: 'GET',
        path: tokens,
        items: '/tokens',
        identity: '/tokenName',
        tag: '/tokenName',
        value: '/secret',
      },
      destroy: { method: 'DELETE', path: `${tokens}/{value}`, allowSecretInUrl: true },
    },
    propagationMs: 90_000,
  };
}
