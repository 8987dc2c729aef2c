import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { deliver } from '../../src/engine/deliver.js';
import type { Delivery, DeliveryResult, WebhookSender } from '../../src/ports/operations.js';

const delivery: Delivery = {
  deliveryId: 'd1',
  environment: 'test',
  endpoint: 'chat',
  url: 'https://example.com/hook?token=of-the-endpoint',
  webhookId: 'w1',
  body: '{}',
  asked: 0,
  attempt: 1,
  nowMs: 0,
};

/** The first step of the schedule, up to a tenth later. */
const soon = expect.toSatisfy((ms: number) => ms >= 5_000 && ms <= 5_500) as number;

async function delivered(
  taken: Delivery,
  answer: Awaited<ReturnType<WebhookSender['send']>>,
  kind: DeliveryResult['kind'] = 'written',
  restsMs: number | null = null,
  next: string | null = null,
) {
  const sent: Delivery[] = [];
  const recorded: unknown[] = [];
  const sender: WebhookSender = {
    send: async (each) => {
      sent.push(each);
      return answer;
    },
  };
  const warned: unknown[] = [];
  const hasMore = await deliver(taken, {
    sender,
    record: async ({ delivery: { deliveryId }, ...how }) => {
      recorded.push({ deliveryId, ...how });
      return { kind, next, restsMs, gaveUp: 0 };
    },
    log: { warn: (facts, message) => void warned.push([message, facts]) },
  });
  return { sent, recorded, warned, hasMore };
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
      {
        deliveryId: 'd1',
        outcome: 'delivered',
        status: 204,
        reason: null,
        tookMs: expect.any(Number),
        againInMs: null,
      },
    ]);
  });

  it('that failed is sent again on the schedule, or when the endpoint says', async () => {
    const { recorded } = await delivered(delivery, {
      outcome: 'failed',
      status: 503,
      reason: null,
      retryAfterMs: null,
    });
    expect(recorded).toMatchObject([{ outcome: 'failed', againInMs: soon }]);
    const asked = await delivered(delivery, { outcome: 'failed', status: 429, reason: null, retryAfterMs: 90_000 });
    expect(asked.recorded).toMatchObject([
      { againInMs: expect.toSatisfy((ms: number) => ms >= 90_000 && ms <= 99_000) as number },
    ]);
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
    ['failed', 1, 503, null, ['a webhook failed', { attempt: 1, status: 503, againInMs: soon }]],
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

  it('whose endpoint has failed again and again is logged with how long that rests', async () => {
    const failed = { outcome: 'failed', status: 503, reason: null, retryAfterMs: null } as const;
    const { warned } = await delivered(delivery, failed, 'written', 12_345.6);
    expect(warned).toContainEqual([
      'a webhook endpoint rests, it fails again and again',
      { environment: 'test', endpoint: 'chat', restsMs: 12_346 },
    ]);
  });

  it('says whether more is due for its endpoint', async () => {
    const arrived = { outcome: 'delivered', status: 204, reason: null, retryAfterMs: null } as const;
    expect((await delivered(delivery, arrived)).hasMore).toBe(false);
    expect((await delivered(delivery, arrived, 'written', null, 'd2')).hasMore).toBe(true);
  });

  it('of a slow endpoint is not followed by another at once', async () => {
    let nowMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 1_000));
    onTestFinished(() => void vi.restoreAllMocks());
    const arrived = { outcome: 'delivered', status: 204, reason: null, retryAfterMs: null } as const;
    expect((await delivered(delivery, arrived, 'written', null, 'd2')).hasMore).toBe(false);
  });
});
