import { describe, expect, it } from 'vitest';
import { deliver } from '../../src/engine/deliver.js';
import type { Deliveries, Delivery, Recording, WebhookSender } from '../../src/ports/operations.js';

const delivery: Delivery = {
  deliveryId: 'd1',
  environment: 'test',
  endpoint: 'chat',
  url: 'https://example.com/hook?token=of-the-endpoint',
  webhookId: 'w1',
  body: '{}',
  attempt: 1,
  nowMs: 0,
};

async function delivered(
  taken: Delivery | null,
  answer: Awaited<ReturnType<WebhookSender['send']>>,
  recording: Recording = 'written',
) {
  const sent: Delivery[] = [];
  const recorded: unknown[] = [];
  const deliveries: Deliveries = {
    take: async () => taken,
    record: async ({ deliveryId }, result) => {
      recorded.push({ deliveryId, ...result });
      return recording;
    },
  };
  const sender: WebhookSender = {
    send: async (each) => {
      sent.push(each);
      return answer;
    },
  };
  const warned: unknown[] = [];
  await deliver('d1', { deliveries, sender, log: { warn: (facts, message) => void warned.push([message, facts]) } });
  return { sent, recorded, warned };
}

describe('a webhook', () => {
  it('that arrived is written down and not sent again', async () => {
    const { sent, recorded, warned } = await delivered(delivery, {
      outcome: 'delivered',
      status: 204,
      reason: null,
      retryAfterMs: null,
    });
    expect(sent).toEqual([delivery]);
    expect(warned).toEqual([]);
    expect(recorded).toEqual([
      { deliveryId: 'd1', outcome: 'delivered', status: 204, tookMs: expect.any(Number), againInMs: null },
    ]);
  });

  it('that failed is sent again on the schedule, or when the endpoint says', async () => {
    const { recorded } = await delivered(delivery, {
      outcome: 'failed',
      status: 503,
      reason: null,
      retryAfterMs: null,
    });
    expect(recorded).toMatchObject([{ outcome: 'failed', againInMs: 5_000 }]);
    const asked = await delivered(delivery, { outcome: 'failed', status: 429, reason: null, retryAfterMs: 90_000 });
    expect(asked.recorded).toMatchObject([{ againInMs: 90_000 }]);
  });

  it('is given up at the end of the schedule', async () => {
    const { recorded } = await delivered(
      { ...delivery, attempt: 10 },
      { outcome: 'failed', status: null, reason: null, retryAfterMs: null },
    );
    expect(recorded).toMatchObject([{ outcome: 'failed', againInMs: null }]);
  });

  it('whose endpoint is gone is not sent again', async () => {
    const { recorded } = await delivered(delivery, { outcome: 'gone', status: 410, reason: null, retryAfterMs: null });
    expect(recorded).toMatchObject([{ outcome: 'gone', againInMs: null }]);
  });

  it.each([
    ['failed', 1, 503, null, ['a webhook failed', { attempt: 1, status: 503, againInMs: 5_000 }]],
    [
      'failed',
      10,
      null,
      'its address is not https',
      ['a webhook was given up', { reason: 'its address is not https' }],
    ],
    ['gone', 1, 410, null, ['a webhook endpoint is gone', { status: 410 }]],
  ] as const)(
    'that has %s at try %i is logged by the name of its endpoint',
    async (outcome, attempt, status, reason, line) => {
      const taken = { ...delivery, attempt, body: '{"of":"the body"}' };
      const { warned } = await delivered(taken, { outcome, status, reason, retryAfterMs: null });
      expect(warned).toEqual([
        [line[0], expect.objectContaining({ ...line[1], environment: 'test', endpoint: 'chat' })],
      ]);
      expect(JSON.stringify(warned)).not.toMatch(/of-the-endpoint|the body|example/);
    },
  );

  it('that an old address did not want is logged as due again, and its endpoint not as gone', async () => {
    const { warned } = await delivered(
      delivery,
      { outcome: 'gone', status: 410, reason: null, retryAfterMs: null },
      'moved',
    );
    expect(warned).toEqual([
      ['a webhook failed', expect.objectContaining({ endpoint: 'chat', status: 410, againInMs: 0 })],
    ]);
  });

  it.each(['failed', 'gone'] as const)(
    'that has %s after another try said how it ended is not logged',
    async (outcome) => {
      const { warned } = await delivered(delivery, { outcome, status: 410, reason: null, retryAfterMs: null }, 'late');
      expect(warned).toEqual([]);
    },
  );

  it('that somebody else has sent is not sent twice', async () => {
    const { sent, recorded } = await delivered(null, {
      outcome: 'delivered',
      status: 204,
      reason: null,
      retryAfterMs: null,
    });
    expect([sent, recorded]).toEqual([[], []]);
  });
});
