import { redeliverInMs } from '../core/delivery.js';
import type { Delivery, DeliveryResult, DeliveryTry, WebhookSender } from '../ports/operations.js';

/** An endpoint that takes longer gets what else is due for it when the sweep finds that. Milliseconds. */
const QUICK_MS = 1_000;

/** What sending one webhook stands on. */
export interface DeliveryPorts {
  readonly sender: WebhookSender;
  readonly record: (tried: DeliveryTry) => Promise<DeliveryResult>;
  readonly log: { warn(facts: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Sends one webhook that was taken and writes down how it went. *Returns* whether its endpoint is quick and has more that is due.
 *
 * What did not arrive is logged: nobody looks at an endpoint that stays silent. By its name, because an address may hold
 * what only its owner should know. A try that was overtaken is nothing to look at.
 */
export async function deliver(delivery: Delivery, { sender, record, log }: DeliveryPorts): Promise<boolean> {
  const startedMs = performance.now();
  const { outcome, status, reason, retryAfterMs } = await sender.send(delivery);
  const tookMs = Math.round(performance.now() - startedMs);
  const putOffMs = outcome === 'failed' ? redeliverInMs(delivery.attempt, retryAfterMs, Math.random()) : null;
  const { kind, next, restsMs, gaveUp } = await record({
    delivery,
    outcome,
    status,
    reason,
    tookMs,
    againInMs: putOffMs,
  });
  const hasMore = tookMs < QUICK_MS && next !== null;
  if (outcome === 'delivered' || kind === 'late') return hasMore;
  const againInMs = kind === 'moved' ? 0 : putOffMs;
  const { deliveryId, environment, endpoint, attempt } = delivery;
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
  return hasMore;
}
