import { httpConsumers } from '../adapters/http/consumers.js';
import { type SigningKeys, keyName } from '../adapters/http/signing.js';
import { webhookSender } from '../adapters/http/webhook-sender.js';
import type { Config } from '../config/config.js';
import { referenceResolver } from '../config/references.js';
import { keyturnError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import type { WebhookSender } from '../ports/operations.js';
import type { Bound, ConsumersPort } from '../ports/step-ports.js';
import type { Variables } from './settings.js';

/** What speaking to the outside is configured by. */
export interface Configured {
  readonly variables: Variables;
  readonly config: Config;
}

/** Asks consumers: one adapter for each environment, because each says for itself where it may speak to. */
export async function consumersOf({ variables, config }: Configured): Promise<Bound<ConsumersPort>> {
  const ports = new Map<string, Bound<ConsumersPort>>();
  for (const { name, secrets, allowPrivateAddresses } of Object.values(config.environments)) {
    const consumers = Object.values(secrets).flatMap((secret) => secret.consumers);
    const keys = await keysOf({ variables, config }, name, consumers);
    ports.set(name, httpConsumers({ keys, allowPrivate: allowPrivateAddresses }));
  }
  return {
    challenge: (scope, phase, version, value) =>
      of(ports, scope.plan.environment).challenge(scope, phase, version, value),
  };
}

/** Sends webhooks, with one adapter for each environment as well. */
export async function senderOf({ variables, config }: Configured): Promise<WebhookSender> {
  const senders = new Map<string, WebhookSender>();
  for (const { name, webhooks, allowPrivateAddresses } of Object.values(config.environments)) {
    const keys = await keysOf({ variables, config }, name, webhooks);
    senders.set(name, webhookSender({ keys, allowPrivate: allowPrivateAddresses }));
  }
  return { send: (delivery) => of(senders, delivery.environment).send(delivery) };
}

async function keysOf(
  { variables, config }: Configured,
  environment: string,
  holders: readonly { readonly name: string; readonly key: string | null }[],
): Promise<SigningKeys> {
  const read = referenceResolver({ variables, folder: config.folder });
  const keys = new Map<string, Secret>();
  for (const { name, key } of holders) if (key !== null) keys.set(keyName(environment, name), await read(key));
  return keys;
}

function of<T>(map: ReadonlyMap<string, T>, environment: string): T {
  const found = map.get(environment);
  if (found === undefined)
    throw keyturnError('UNKNOWN_ENVIRONMENT', { environment, known: [...map.keys()].join(', ') });
  return found;
}
