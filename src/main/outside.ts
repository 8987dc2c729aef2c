import { httpChecks } from '../adapters/http/checks.js';
import { httpConsumers } from '../adapters/http/consumers.js';
import type { OutboundOptions } from '../adapters/http/outbound.js';
import { type SigningKeys, type Verify, keyName, verifier } from '../adapters/http/signing.js';
import { webhookSender } from '../adapters/http/webhook-sender.js';
import type pg from 'pg';
import { postgresViews } from '../adapters/postgres/views.js';
import type { Config, EnvironmentConfig, SecretConfig } from '../config/config.js';
import { secretOf } from '../config/plan.js';
import { referenceResolver, storedIn } from '../config/references.js';
import { parseCredential } from '../core/credential.js';
import { keyturnError } from '../core/errors.js';
import type { Scrubber } from '../core/scrub.js';
import type { Secret } from '../core/secret.js';
import type { Challenges } from '../ports/challenges.js';
import type { Instances } from '../ports/instances.js';
import type { WebhookSender } from '../ports/operations.js';
import type { Bound, ChecksPort, ConsumersPort } from '../ports/step-ports.js';
import type { Variables } from './settings.js';
import { type Stores, lookingScope } from './stores.js';

/** How long the look at a key may take. Milliseconds. */
const lookMaxMs = 10_000;

/** What speaking to the outside is configured by. */
export interface Configured {
  readonly variables: Variables;
  readonly config: Config;
  readonly pool: pg.Pool;
  /** Where the keys are that are secrets of Keyturn's own. */
  readonly stores: Stores;
}

/** Where an environment may speak to. */
export const reachOf = ({ allowPrivateAddresses, allowHosts }: EnvironmentConfig): OutboundOptions => ({
  allowPrivate: allowPrivateAddresses,
  allowHosts,
});

/** Asks consumers: one adapter for each environment, because each says for itself where it may speak to. */
export async function consumersOf(
  configured: Configured,
  {
    challenges,
    instances,
    scrubber,
  }: { readonly challenges: Challenges; readonly instances: Instances; readonly scrubber: Scrubber },
): Promise<Bound<ConsumersPort>> {
  const clean = (words: string): string => scrubber.text(words);
  const ports = new Map<string, Bound<ConsumersPort>>();
  for (const environment of Object.values(configured.config.environments)) {
    const keys = await consumerKeysOf(configured, environment);
    ports.set(environment.name, httpConsumers({ keys, challenges, instances, clean, ...reachOf(environment) }));
  }
  return {
    challenge: (scope, phase, version, value) =>
      of(ports, scope.plan.environment).challenge(scope, phase, version, value),
  };
}

/** Tells whether a consumer has signed what it sends, by {@link keyName} of its environment and name. */
export async function verifierOf(configured: Configured): Promise<Verify> {
  const keys = await Promise.all(
    Object.values(configured.config.environments).map((environment) => consumerKeysOf(configured, environment)),
  );
  return verifier(new Map(keys.flatMap((each) => [...each])));
}

/** By secret: two of one environment may have consumers of one name, with keys of their own. */
async function consumerKeysOf(configured: Configured, { name, secrets }: EnvironmentConfig): Promise<SigningKeys> {
  const keys = await Promise.all(
    Object.values(secrets).map(({ id, consumers }) => keysOf(configured, name, consumers, id)),
  );
  return new Map(keys.flatMap((each) => [...each]));
}

/** Asks what is asked while a canary soaks, with one adapter for each environment as well. */
export function checksOf({ variables, config }: Pick<Configured, 'variables' | 'config'>): Bound<ChecksPort> {
  const token = referenceResolver({ variables, folder: config.folder });
  const ports = new Map<string, Bound<ChecksPort>>();
  for (const environment of Object.values(config.environments))
    ports.set(environment.name, httpChecks({ token, ...reachOf(environment) }));
  return { look: (scope) => of(ports, scope.plan.environment).look(scope) };
}

/** Sends webhooks, with one adapter for each environment as well. */
export async function senderOf(configured: Configured): Promise<WebhookSender> {
  const senders = new Map<string, WebhookSender>();
  for (const environment of Object.values(configured.config.environments)) {
    const { name, webhooks } = environment;
    const keys = await keysOf(configured, name, webhooks);
    senders.set(name, webhookSender({ keys, ...reachOf(environment) }));
  }
  return { send: (delivery) => of(senders, delivery.environment).send(delivery) };
}

async function keysOf(
  configured: Configured,
  environment: string,
  holders: readonly { readonly name: string; readonly key: string | null }[],
  of = environment,
): Promise<SigningKeys> {
  const { variables, config } = configured;
  const read = referenceResolver({ variables, folder: config.folder });
  const keys = new Map<string, Secret | (() => Promise<readonly Secret[]>)>();
  for (const { name, key } of holders) {
    if (key === null) continue;
    const stored = storedIn(key);
    const own = stored === undefined ? undefined : secretOf(config, environment, stored.path);
    keys.set(keyName(of, name), own === undefined ? await read(key) : () => storedKeys(configured, own, key));
  }
  return keys;
}

/**
 * What is signed with, where the key is a secret: what `current` is on; while that is rotated, every key that the
 * receiver may have. *Errors* `REFERENCE_UNRESOLVED` where it is on nothing, and those of the store.
 */
async function storedKeys(
  { config, pool, stores }: Configured,
  secret: SecretConfig,
  reference: string,
): Promise<readonly Secret[]> {
  const open = await postgresViews(pool).rotations({ secret: secret.id, open: true, limit: 1 });
  const labels = open.length > 0 ? (['current', 'previous', 'pending'] as const) : (['current'] as const);
  const scope = lookingScope(config, secret, lookMaxMs);
  const found = await Promise.all(labels.map(async (label) => stores.port.read(scope, label)));
  if (found[0] === null) throw keyturnError('REFERENCE_UNRESOLVED', { reference });
  const versions = new Map(found.flatMap((each) => (each === null ? [] : [[each.version, each.value] as const])));
  return [...versions.values()].map((value) => parseCredential(value, secret.rotator.credential, secret.path).value);
}

function of<T>(map: ReadonlyMap<string, T>, environment: string): T {
  const found = map.get(environment);
  if (found === undefined)
    throw keyturnError('UNKNOWN_ENVIRONMENT', { environment, known: [...map.keys()].join(', ') });
  return found;
}
