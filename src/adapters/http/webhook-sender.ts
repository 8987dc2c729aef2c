import type { Delivery, WebhookSender } from '../../ports/operations.js';
import { type OutboundOptions, outbound } from './outbound.js';
import { type SigningKeys, keyName, signer } from './signing.js';

/** Where {@link webhookSender} may send, and how it signs. */
export interface WebhookSenderOptions extends OutboundOptions {
  readonly keys: SigningKeys;
  /** For the whole of one try. Default 10 s. */
  readonly timeoutMs?: number;
}

/**
 * Sends webhooks signed with the key of their endpoint.
 *
 * Any 2xx is `delivered`; 410 is `gone`; a redirect, anything else and no answer are `failed`, with what the endpoint
 * asked for in `Retry-After`. An endpoint without a key, or whose key cannot be read just now, is not sent anything:
 * `failed` without a status.
 */
export function webhookSender({ keys, timeoutMs = 10_000, ...reach }: WebhookSenderOptions): WebhookSender {
  const sign = signer(keys);
  const post = outbound(reach);
  return {
    async send(delivery) {
      const message = { id: delivery.webhookId, atMs: delivery.nowMs, body: delivery.body };
      // Why a key cannot be read is said where it is rotated; here it is one more reason to try again.
      const headers = await sign(keyName(delivery.environment, delivery.endpoint), message).catch(() => null);
      if (headers === null) return unsent('its key cannot be read');
      if (headers === undefined) return unsent('it has no key');
      const posted = await post({ url: delivery.url, headers, body: delivery.body, timeoutMs });
      if (posted.kind === 'unreachable') return unsent(posted.reason);
      const { status } = posted;
      if (status >= 200 && status < 300) return { outcome: 'delivered', status, reason: null, retryAfterMs: null };
      return {
        outcome: status === 410 ? 'gone' : 'failed',
        status,
        reason: null,
        retryAfterMs: status === 410 ? null : retryAfterMs(posted.retryAfter, delivery),
      };
    },
  };
}

const unsent = (reason: string) => ({ outcome: 'failed', status: null, reason, retryAfterMs: null }) as const;

/** Seconds or a date (RFC 9110, 10.2.3); null for neither. A date is compared with the database's time. */
function retryAfterMs(header: string | null, { nowMs }: Delivery): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  // The one form that is sent today; what else Date.parse makes of a text is a guess (`-5` is a day in 2001).
  const at = /^[A-Z][a-z]{2}, .* GMT$/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
