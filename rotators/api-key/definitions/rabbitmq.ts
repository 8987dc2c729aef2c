import type { ApiKeySettings, SecretReference } from './setting.js';

/** What RabbitMQ must be told of. */
export interface RabbitmqOptions {
  /** Of the management plugin: `https://rabbit.example.com:15671`. */
  readonly baseUrl: string;
  /** Who makes the users: one with the tag `administrator`. */
  readonly username: string;
  readonly password: SecretReference;
  /** What the new users may do; where there is nothing about a virtual host they cannot enter it. */
  readonly permissions: readonly RabbitmqPermissions[];
  /** Beside our own: `monitoring`, `management`. Default none: such a user has nothing to do with the plugin. */
  readonly tags?: readonly string[];
}

/** What a user may do in one virtual host: regular expressions that names of queues and exchanges must match. */
export interface RabbitmqPermissions {
  readonly vhost: string;
  /** Empty: nothing. */
  readonly configure: string;
  /** Empty: nothing. */
  readonly write: string;
  /** Empty: nothing. */
  readonly read: string;
}

/**
 * Users of RabbitMQ's own database, by its management plugin. Name and password are ours; `principal` says whose they are,
 * and `name` begins their names. A user carries our tag as the first of its own: RabbitMQ takes any word for one.
 *
 * A user is deleted and cannot be switched off; **its open connections are closed with it** (measured on 3.10.8).
 *
 * *Source* https://www.rabbitmq.com/docs/definitions, and the page `/api/` of the plugin.
 */
export function rabbitmq(options: RabbitmqOptions): ApiKeySettings {
  const { baseUrl, username, password, permissions, tags = [] } = options;
  const loginFailed = { status: 401, pointer: '/reason', equals: 'Login failed' };
  return {
    baseUrl,
    auth: { kind: 'basic', username, password },
    requests: {
      // Of what definitions name nothing else is touched, and a user is made with its permissions by one request.
      create: {
        method: 'POST',
        path: '/api/definitions',
        body: {
          users: [{ name: '{name}', password: '{value}', tags: ['{tag}', ...tags] }],
          permissions: permissions.map(({ vhost, configure, write, read }) => ({
            user: '{name}',
            ...{ vhost, configure, write, read },
          })),
        },
        expect: [201, 204],
      },
      verify: {
        method: 'GET',
        path: '/api/whoami',
        headers: { authorization: 'Basic {basic}' },
        // That a user has nothing to do with the plugin is said after its password was found to be right.
        accepted: [200, { status: 401, pointer: '/reason', equals: 'Not management user' }],
        refused: [loginFailed],
      },
      // Without their columns users are shown with the digests of their passwords.
      list: { method: 'GET', path: '/api/users?columns=name,tags', items: '', identity: '/name', tag: '/tags/0' },
      destroy: { method: 'DELETE', path: '/api/users/{identity}' },
      system: { method: 'GET', path: '/api/global-parameters/internal_cluster_id', pointer: '/value' },
    },
  };
}
