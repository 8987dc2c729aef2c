import { describe, expect, it } from 'vitest';
import { deliver } from '../../src/engine/deliver.js';
import type { Deliveries, Delivery, WebhookSender } from '../../src/ports/operations.js';

const delivery: Delivery = {
  deliveryId: 'd1',
  environment: 'test',
  endpoint: 'chat',
  url: 'https://example.com/hook',
  webhookId: 'w1',
  body: '{}',
  attempt: 1,
  nowMs: 0,
};

async function delivered(taken: Delivery | null, answer: Awaited<ReturnType<WebhookSender['send']>>) {
  const sent: Delivery[] = [];
  const recorded: unknown[] = [];
  const deliveries: Deliveries = {
    take: async () => taken,
    record: async (deliveryId, result) => void recorded.push({ deliveryId, ...result }),
  };
  const sender: WebhookSender = {
    send: async (each) => {
      sent.push(each);
      return answer;
    },
  };
  await deliver('d1', { deliveries, sender });
  return { sent, recorded };
}

describe('a webhook', () => {
  it('that arrived is written down and not sent again', async () => {
    const { sent, recorded } = await delivered(delivery, { outcome: 'delivered', status: 204, retryAfterMs: null });
    expect(sent).toEqual([delivery]);
    expect(recorded).toEqual([
      { deliveryId: 'd1', outcome: 'delivered', status: 204, tookMs: expect.any(Number), againInMs: null },
    ]);
  });

  it('that failed is sent again on the schedule, or when the endpoint says', async () => {
    const { recorded } = await delivered(delivery, { outcome: 'failed', status: 503, retryAfterMs: null });
    expect(recorded).toMatchObject([{ outcome: 'failed', againInMs: 5_000 }]);
    const asked = await delivered(delivery, { outcome: 'failed', status: 429, retryAfterMs: 90_000 });
    expect(asked.recorded).toMatchObject([{ againInMs: 90_000 }]);
  });

  it('is given up at the end of the schedule', async () => {
    const { recorded } = await delivered(
      { ...delivery, attempt: 10 },
      { outcome: 'failed', status: null, retryAfterMs: null },
    );
    expect(recorded).toMatchObject([{ outcome: 'failed', againInMs: null }]);
  });

  it('whose endpoint is gone is not sent again', async () => {
    const { recorded } = await delivered(delivery, { outcome: 'gone', status: 410, retryAfterMs: null });
    expect(recorded).toMatchObject([{ outcome: 'gone', againInMs: null }]);
  });

  it('that somebody else has sent is not sent twice', async () => {
    const { sent, recorded } = await delivered(null, { outcome: 'delivered', status: 204, retryAfterMs: null });
    expect([sent, recorded]).toEqual([[], []]);
  });
});
