import type { ApiKeySettings, SecretReference } from './setting.js';

/** How a provider differs from the usual shape. */
export interface RestOptions {
  /** `https://keys.example.com`. */
  readonly baseUrl: string;
  /** Sent as a bearer token. */
  readonly token: SecretReference;
  /** Where a key alone is enough to get in: answered by 200, and by 401 where it is refused. `/me`. */
  readonly verify: string;
  /** Where keys are made, listed and, with `/{identity}` after it, deleted. Default `/api-keys`. */
  readonly keys?: string;
  /** The field that carries our tag, when it is made and in the list. Default `name`. */
  readonly tagField?: string;
  /** Where the answer to the making has the identity. Default `/id`. */
  readonly identity?: string;
  /** Where it has the value. Default `/key`. */
  readonly value?: string;
  /** Where the answer to the listing has its items. Default: it is the list. */
  readonly items?: string;
}

/**
 * The usual shape: POST makes a key, GET lists them, DELETE removes one. What differs otherwise is written over it:
 * `{ ...rest({…}), propagationMs: 30_000 }`. Tested against a double.
 */
export function rest(options: RestOptions): ApiKeySettings {
  const { baseUrl, token, verify, keys = '/api-keys', tagField = 'name', identity = '/id', value = '/key' } = options;
  return {
    baseUrl,
    auth: { kind: 'bearer', token },
    requests: {
      create: { method: 'POST', path: keys, body: { [tagField]: '{tag}' }, identity, value },
      verify: { method: 'GET', path: verify, headers: { authorization: 'Bearer {value}' } },
      list: { method: 'GET', path: keys, items: options.items ?? '', identity: '/id', tag: `/${tagField}` },
      destroy: { method: 'DELETE', path: `${keys}/{identity}` },
    },
  };
}
