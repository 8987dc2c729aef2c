import { redeliverInMs } from '../core/delivery.js';
import type { Deliveries, WebhookSender } from '../ports/operations.js';

/** Longer than a webhook can take, so that nobody else sends it meanwhile. Milliseconds. */
const TAKE_FOR_MS = 30_000;

/** What a delivery stands on. */
export interface DeliveryPorts {
  readonly deliveries: Deliveries;
  readonly sender: WebhookSender;
  readonly log: { warn(facts: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Sends one webhook whose time has come and writes down how it went. A ring for another time does nothing.
 *
 * What did not arrive is logged: nobody looks at an endpoint that stays silent. By its name, because an address may hold
 * what only its owner should know. A try that was overtaken is nothing to look at.
 */
export async function deliver(deliveryId: string, { deliveries, sender, log }: DeliveryPorts): Promise<void> {
  const delivery = await deliveries.take(deliveryId, TAKE_FOR_MS);
  if (delivery === null) return;
  const startedMs = performance.now();
  const { outcome, status, reason, retryAfterMs } = await sender.send(delivery);
  const tookMs = Math.round(performance.now() - startedMs);
  const putOffMs = outcome === 'failed' ? redeliverInMs(delivery.attempt, retryAfterMs) : null;
  const recording = await deliveries.record(delivery, { outcome, status, tookMs, againInMs: putOffMs });
  if (outcome === 'delivered' || recording === 'late') return;
  const againInMs = recording === 'moved' ? 0 : putOffMs;
  const { environment, endpoint, attempt } = delivery;
  const how = status === null ? { reason } : { status };
  const facts = { deliveryId, environment, endpoint, attempt, ...how, tookMs };
  if (againInMs !== null) log.warn({ ...facts, againInMs }, 'a webhook failed');
  else log.warn(facts, outcome === 'gone' ? 'a webhook endpoint is gone' : 'a webhook was given up');
}
