import type { Config, EnvironmentConfig, SecretConfig } from '../config/config.js';
import { cureOf, isKeyturnError, sentenceOf } from '../core/errors.js';
import type { Finding } from '../core/observation.js';
import type { Check } from './doors.js';

/** What `keyturn doctor` looks at, in the order in which one stands on the other. */
export interface Examinable {
  readonly config: () => Promise<Config>;
  /** Reachable, migrated, and where it was. */
  readonly database: () => Promise<void>;
  /** There, ours alone, and the one this database was sealed with. */
  readonly keyring: (config: Config) => Promise<void>;
  readonly queue: () => Promise<void>;
  /** May we speak to this address, as this environment allows? */
  readonly address: (environment: EnvironmentConfig, url: string) => Promise<readonly Finding[]>;
  readonly preflight: (config: Config, secret: SecretConfig) => Promise<readonly Finding[]>;
}

/** One check after the other. What a check throws is its finding, so that one trouble does not hide the next. */
export async function* examine(parts: Examinable): AsyncGenerator<Check> {
  let config: Config | undefined;
  yield await check('configuration', async () => {
    config = await parts.config();
    return [];
  });
  const database = await check('state database', async () => {
    await parts.database();
    return [];
  });
  yield database;
  yield await check('queue', async () => {
    await parts.queue();
    return [];
  });
  if (config === undefined) return;
  const { environments } = config;
  const loaded = config;
  yield await check(`master key ${config.keyring.file}`, async () => {
    await parts.keyring(loaded);
    return [];
  });
  for (const environment of Object.values(environments)) {
    for (const { name, url } of addressesOf(environment)) {
      yield await check(name, () => parts.address(environment, url));
    }
  }
  // Without the database nobody knows which credential is current.
  if (database.findings.length > 0) return;
  for (const { secrets } of Object.values(environments)) {
    for (const secret of Object.values(secrets)) {
      yield await check(`${secret.id} at target ${secret.target}`, () => parts.preflight(loaded, secret));
    }
  }
}

/** Whom Keyturn sends something to. A consumer without an address is not asked. */
function addressesOf({ name, secrets, webhooks }: EnvironmentConfig): readonly { name: string; url: string }[] {
  const consumers = Object.values(secrets).flatMap((secret) =>
    secret.consumers.flatMap((each) =>
      each.url === null ? [] : [{ name: `consumer ${each.name} of ${secret.id}`, url: each.url }],
    ),
  );
  return [...consumers, ...webhooks.map((each) => ({ name: `webhook ${each.name} of ${name}`, url: each.url }))];
}

async function check(name: string, look: () => Promise<readonly Finding[]>): Promise<Check> {
  try {
    return { check: name, findings: await look() };
  } catch (error) {
    return { check: name, findings: [findingOf(error)] };
  }
}

function findingOf(error: unknown): Finding {
  if (isKeyturnError(error)) {
    const sentence = `${error.code}: ${sentenceOf(error.code, error.facts)}`;
    return { sentence, cure: cureOf(error.code, error.facts) };
  }
  const name = error instanceof Error ? error.name : typeof error;
  return {
    sentence: `the check broke off (${name})`,
    cure: 'Run the command that failed with --verbose and report it.',
  };
}
