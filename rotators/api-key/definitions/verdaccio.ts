import type { ApiKeySettings, SecretReference } from './setting.js';

/** What Verdaccio must be told of. */
export interface VerdaccioOptions {
  /** `https://npm.example.com`. */
  readonly baseUrl: string;
  /** The account whose tokens they are: nobody else may make tokens for it. */
  readonly username: string;
  readonly password: SecretReference;
  /** True for tokens that cannot publish. Default false. */
  readonly readonly?: boolean;
}

/**
 * npm tokens of a Verdaccio account. They carry no name and no tag, so the account must be Keyturn's alone
 * (`exclusive`).
 *
 * **Older versions go on accepting a token that was deleted** (measured: 6.2.1 does, 6.8.0 does not): there a rotation ends
 * parked with `OLD_STILL_ALIVE`, because the old token is not dead.
 */
export function verdaccio({ baseUrl, username, password, readonly = false }: VerdaccioOptions): ApiKeySettings {
  const tokens = '/-/npm/v1/tokens';
  return {
    baseUrl,
    auth: { kind: 'basic', username, password },
    principal: username,
    exclusive: true,
    secrets: { password },
    requests: {
      create: {
        method: 'POST',
        path: tokens,
        body: { password: '{secret.password}', readonly, cidr_whitelist: [] },
        identity: '/key',
        value: '/token',
      },
      verify: {
        method: 'GET',
        path: '/-/whoami',
        headers: { authorization: 'Bearer {value}' },
        accepted: [{ status: 200, pointer: '/username', equals: username }],
        // A token that was deleted is forbidden; whoever is not known is answered all the same, with nobody's name.
        refused: [401, 403, { status: 200, pointer: '/username', absent: true }],
      },
      list: { method: 'GET', path: tokens, items: '/objects', identity: '/key' },
      destroy: { method: 'DELETE', path: `${tokens}/token/{identity}` },
    },
  };
}
