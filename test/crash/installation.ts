import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import apiKey from 'keyturn/rotators/api-key';
import postgres from 'keyturn/rotators/postgres';
import random from 'keyturn/rotators/random';
import { calendar } from '../../src/adapters/cron/calendar.js';
import type { Config } from '../../src/config/config.js';
import { type PolicyInput, type SecretInput, defineConfig } from '../../src/config/define.js';
import { parseConfig } from '../../src/config/parse.js';
import { file } from '../../src/config/references.js';
import { workflows } from '../../src/main/settings.js';
import { scriptedRequests } from '../support/scripted-provider.js';
import type { Scenario } from './scenarios.js';

/** The kinds of secrets there are: one for each way in which a rotator changes what is live. */
export const kinds = ['two-role', 'in-place', 'random'] as const;

/** See {@link kinds}; and keys of a provider, which have suites of their own, because each of their takeovers settles for seconds. */
export type Kind = (typeof kinds)[number] | 'api-key';

/** One secret, and what its rotation is to go through. It is rotated once. */
export interface CrashSecret {
  /** `crash:/two-role/7`. */
  readonly id: string;
  readonly path: string;
  readonly kind: Kind;
  /** Begins the names of its roles or identities, and of no others. */
  readonly name: string;
  readonly scenario: Scenario;
}

/** What this process and its workers know of an installation. JSON: it is sent to each worker. */
export interface Installation {
  /** The superuser's connection string for the state. */
  readonly stateUrl: string;
  readonly queueUrl: string;
  /** Holds the key file, the admin's password, the keys of consumer and webhooks, and the tokens of the rotator `random`. */
  readonly folder: string;
  readonly targetPort: number;
  /** Where the provider of API keys is; null: there is none. */
  readonly providerUrl: string | null;
  readonly consumerUrl: string;
  /** Where webhooks go; null: nowhere. */
  readonly webhookUrl: string | null;
  readonly secrets: readonly CrashSecret[];
}

/** Names that are the same in every installation. */
export const names = {
  environment: 'crash',
  admin: 'crash_admin',
  targetDatabase: 'crash_target',
  consumer: 'app',
  key: 'keyturn.key',
  adminPassword: 'admin-password',
  providerToken: 'provider-token',
  consumerKey: 'consumer-key',
  webhook: 'ops',
  webhookKey: 'webhook-key',
  tokens: 'tokens',
} as const;

/** Waits for nothing but what is missing, and tries again soon: what is killed is not to wait for people. */
const policy: PolicyInput = {
  soak: '0s',
  grace: '0s',
  quiet: '0s',
  maxSessionAge: '0s',
  watch: '0s',
  poll: '200ms',
  canaryMax: '5m',
  drainMax: '10m',
  retry: { first: '100ms', max: '1s', attemptsPerCycle: 100, cycles: 10 },
};

/** The configuration of an installation, as every worker of it has it. */
export function configOf({ folder, targetPort, providerUrl, ...installation }: Installation): Config {
  const { consumerUrl, webhookUrl, secrets } = installation;
  const consumer = { name: names.consumer, url: consumerUrl, key: file(join(folder, names.consumerKey)) };
  const ofPostgres = {
    rotator: postgres,
    concurrency: 1000,
    config: {
      endpoints: [{ host: '127.0.0.1', port: targetPort }],
      database: names.targetDatabase,
      admin: { username: names.admin, password: file(join(folder, names.adminPassword)) },
    },
  };
  const ofRandom = { rotator: random, concurrency: 1000, config: { folder: join(folder, names.tokens) } };
  const ofProvider = {
    rotator: apiKey,
    concurrency: 1000,
    config: {
      baseUrl: providerUrl,
      auth: { kind: 'bearer', token: file(join(folder, names.providerToken)) },
      requests: scriptedRequests,
      // It is done with a request before it answers.
      settleMs: 3_000,
    },
  };
  const secretOf = ({ kind, name, scenario }: CrashSecret): SecretInput => ({
    target: targetOf(kind),
    ...(kind === 'in-place' ? { workflow: 'in-place-rotation' } : {}),
    config: settingsOf(kind, name),
    // Who is to be turned back there is rung for when he is: looking more often would only keep others waiting.
    policy: scenario === 'turned back in watch' ? { ...policy, watch: '1h', poll: '5s' } : policy,
    consumers: [{ ...consumer, canary: true, required: true }],
    adopted: true,
  });
  const input = defineConfig({
    keyring: { file: join(folder, names.key) },
    environments: {
      [names.environment]: {
        allowPrivateAddresses: true,
        webhooks:
          webhookUrl === null
            ? []
            : [{ name: names.webhook, url: webhookUrl, key: file(join(folder, names.webhookKey)) }],
        targets: {
          database: ofPostgres,
          tokens: ofRandom,
          ...(providerUrl === null ? {} : { keys: ofProvider }),
        },
        secrets: Object.fromEntries(secrets.map((secret) => [secret.path, secretOf(secret)])),
      },
    },
  });
  const here = fileURLToPath(import.meta.url);
  return parseConfig(input, { file: here, workflows, calendar: calendar() });
}

function targetOf(kind: Kind): string {
  if (kind === 'api-key') return 'keys';
  return kind === 'random' ? 'tokens' : 'database';
}

function settingsOf(kind: Kind, name: string): NonNullable<SecretInput['config']> {
  switch (kind) {
    case 'two-role':
      return { owner: `${name}_owner`, logins: [`${name}_a`, `${name}_b`] };
    case 'in-place':
      return { mode: 'in-place', login: `${name}_a` };
    case 'random':
      return { name };
    case 'api-key':
      return { name, principal: name };
    default:
      return kind satisfies never;
  }
}
