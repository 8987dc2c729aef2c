import { type Config, type EnvironmentConfig, type SecretConfig, masterKeyName } from '../config/config.js';
import { cureOf, isKeyturnError, isUsageError, sentenceOf } from '../core/errors.js';
import type { Finding } from '../core/observation.js';
import type { Check } from './doors.js';

/** What was found before. */
export interface Standing {
  readonly isDatabaseWell: boolean;
}

/** What was found, or why nobody looked. */
export type Looked = readonly Finding[] | { readonly skipped: string };

/** What `keyturn doctor` looks at, in the order in which one stands on the other. */
export interface Examinable {
  /** What stands in the environment and is read by nobody but a worker. */
  readonly settings: () => Promise<void>;
  readonly config: () => Promise<Config>;
  /** Reachable, migrated, and where it was. */
  readonly database: () => Promise<void>;
  /** There, ours alone to use, and the one this database was sealed with, where the database can be asked. */
  readonly keyring: (config: Config, standing: Standing) => Promise<readonly Finding[]>;
  readonly queue: (standing: Standing) => Promise<Looked>;
  /** May we speak to this address, as this environment allows? */
  readonly address: (environment: EnvironmentConfig, url: string) => Promise<readonly Finding[]>;
  /** May we use the store of this environment, and are the clocks near enough? Asked only where it is not the built-in one. */
  readonly store: (environment: EnvironmentConfig) => Promise<readonly Finding[]>;
  /** May we seal with its key? Seen by a put only: skipped where that was not asked for. */
  readonly sealing: (environment: EnvironmentConfig) => Promise<Looked>;
  readonly preflight: (config: Config, secret: SecretConfig) => Promise<readonly Finding[]>;
}

/**
 * One check after the other. What a check throws is its finding, so that one trouble does not hide the next. What cannot
 * be well because of a trouble that was told is skipped: one cause has one finding.
 */
export async function* examine(parts: Examinable): AsyncGenerator<Check> {
  yield await read('settings', parts.settings);
  let config: Config | undefined;
  yield await read('configuration', async () => {
    config = await parts.config();
  });
  const database = await check('state database', async () => {
    await parts.database();
    return [];
  });
  yield database;
  const standing = { isDatabaseWell: database.findings.length === 0 };
  yield await check('queue', () => parts.queue(standing));
  if (config === undefined) return;
  const { environments } = config;
  const loaded = config;
  const keyring = await check(`master key ${masterKeyName(config.keyring)}`, () => parts.keyring(loaded, standing));
  yield keyring;
  for (const environment of Object.values(environments)) {
    for (const { name, url } of addressesOf(environment)) {
      yield await check(name, () => parts.address(environment, url));
    }
  }
  const isKeyWell = keyring.findings.length === 0;
  if (!standing.isDatabaseWell || !isKeyWell) {
    const missing = standing.isDatabaseWell ? 'the master key' : 'the state database';
    yield { check: 'targets', findings: [], skipped: `without ${missing} nobody knows which credential is current` };
    return;
  }
  for (const environment of Object.values(environments)) {
    const { store } = environment;
    if (store.kind === 'built-in') continue;
    const where = `${store.endpoint ?? store.region}, at most ${store.putsPerSecond} puts a second`;
    yield await check(`parameter store of ${environment.name} (${where})`, () => parts.store(environment));
    yield await check(`key ${store.key} of the parameter store of ${environment.name}`, () =>
      parts.sealing(environment),
    );
  }
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
  const checks = Object.values(secrets).flatMap((secret) =>
    secret.checks.map((each) => ({ name: `check ${each.name} of ${secret.id}`, url: each.url })),
  );
  return [
    ...consumers,
    ...checks,
    ...webhooks.map((each) => ({ name: `webhook ${each.name} of ${name}`, url: each.url })),
  ];
}

/** Reads how Keyturn is configured. */
async function read(name: string, reading: () => Promise<void>): Promise<Check> {
  try {
    await reading();
    return { check: name, findings: [] };
  } catch (error) {
    const isUnreadable = isKeyturnError(error) && isUsageError(error.code);
    return { check: name, findings: [findingOf(error)], ...(isUnreadable ? { isUnreadable } : {}) };
  }
}

async function check(name: string, look: () => Promise<Looked>): Promise<Check> {
  try {
    const looked = await look();
    return 'skipped' in looked ? { check: name, findings: [], ...looked } : { check: name, findings: looked };
  } catch (error) {
    return { check: name, findings: [findingOf(error)] };
  }
}

function findingOf(error: unknown): Finding {
  if (isKeyturnError(error)) {
    const sentence = `${error.code}: ${sentenceOf(error.code, error.facts)}`;
    // Whoever examines has no rotation that could be resumed.
    return { sentence, cure: cureOf(error.code, { ...error.facts, rotation: 'ROTATION' }) };
  }
  const name = error instanceof Error ? error.name : typeof error;
  return {
    sentence: `the check broke off (${name})`,
    cure: 'Run the command that failed with --verbose and report it.',
  };
}
