import { redeliverInMs } from '../core/delivery.js';
import type { Deliveries, WebhookSender } from '../ports/operations.js';

/** Longer than a webhook can take, so that nobody else sends it meanwhile. Milliseconds. */
const TAKE_FOR_MS = 30_000;

/** Sends one webhook whose time has come and writes down how it went. A ring for another time does nothing. */
export async function deliver(
  deliveryId: string,
  ports: { readonly deliveries: Deliveries; readonly sender: WebhookSender },
): Promise<void> {
  const delivery = await ports.deliveries.take(deliveryId, TAKE_FOR_MS);
  if (delivery === null) return;
  const startedMs = performance.now();
  const { outcome, status, retryAfterMs } = await ports.sender.send(delivery);
  await ports.deliveries.record(deliveryId, {
    outcome,
    status,
    tookMs: Math.round(performance.now() - startedMs),
    againInMs: outcome === 'failed' ? redeliverInMs(delivery.attempt, retryAfterMs) : null,
  });
}
