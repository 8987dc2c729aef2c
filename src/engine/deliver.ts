import { redeliverInMs } from '../core/delivery.js';
import type { Deliveries, WebhookSender } from '../ports/operations.js';

/** Longer than a webhook can take, so that nobody else sends it meanwhile. Milliseconds. */
const TAKE_FOR_MS = 30_000;

/** A worker that was rung for one webhook sends so many of its endpoint at most: those of others have their turn as well. */
const MAX_IN_A_ROW = 20;

/** An endpoint that takes longer is sent one webhook for each ring. Milliseconds. */
const QUICK_MS = 1_000;

/** What a delivery stands on. */
export interface DeliveryPorts {
  readonly deliveries: Deliveries;
  readonly sender: WebhookSender;
  readonly log: { warn(facts: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Sends one webhook whose time has come and writes down how it went, and then what else is due for a quick endpoint, unless
 * the worker is `stopping`. A ring for another time does nothing.
 *
 * What did not arrive is logged: nobody looks at an endpoint that stays silent. By its name, because an address may hold
 * what only its owner should know. A try that was overtaken is nothing to look at.
 */
export async function deliver(
  deliveryId: string,
  ports: DeliveryPorts,
  stopping: () => boolean = () => false,
): Promise<void> {
  let next: string | null = deliveryId;
  for (let count = 0; next !== null && count < MAX_IN_A_ROW; count += 1) {
    next = await deliverOne(next, ports);
    if (stopping()) return;
  }
}

/** *Returns* what else is due for the endpoint, where that is quick. */
async function deliverOne(deliveryId: string, { deliveries, sender, log }: DeliveryPorts): Promise<string | null> {
  const delivery = await deliveries.take(deliveryId, TAKE_FOR_MS);
  if (delivery === null) return null;
  const startedMs = performance.now();
  const { outcome, status, reason, retryAfterMs } = await sender.send(delivery);
  const tookMs = Math.round(performance.now() - startedMs);
  const putOffMs = outcome === 'failed' ? redeliverInMs(delivery.attempt, retryAfterMs, Math.random()) : null;
  const result = { outcome, status, reason, tookMs, againInMs: putOffMs };
  const { kind, next, restsMs, gaveUp } = await deliveries.record(delivery, result);
  const following = tookMs < QUICK_MS ? next : null;
  if (outcome === 'delivered' || kind === 'late') return following;
  const againInMs = kind === 'moved' ? 0 : putOffMs;
  const { environment, endpoint, attempt } = delivery;
  const how = status === null ? { reason } : { status };
  const facts = { deliveryId, environment, endpoint, attempt, ...how, tookMs };
  if (againInMs !== null) log.warn({ ...facts, againInMs }, 'a webhook failed');
  else log.warn(facts, outcome === 'gone' ? 'a webhook endpoint is gone' : 'a webhook was given up');
  if (restsMs !== null) {
    const rest = { environment, endpoint, restsMs: Math.round(restsMs) };
    log.warn(rest, 'a webhook endpoint rests, it fails again and again');
  }
  if (gaveUp > 0)
    log.warn({ environment, endpoint, gaveUp }, 'webhooks were given up with it, they have waited too long');
  return following;
}
