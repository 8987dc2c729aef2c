import { describe, expect, it } from 'vitest';
import { keyturnError } from '../../src/core/errors.js';
import { Deliverer } from '../../src/engine/deliverer.js';
import type { Deliveries, DeliveryTry } from '../../src/ports/operations.js';
import { eventually } from '../support/eventually.js';

const ids = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `d${index}`);

/** A deliverer over an outbox in memory in which this is due. Endpoints answer when the test says so, or at once. */
function aDeliverer(due: readonly string[], change: Partial<Deliveries> = {}, answersAtOnce = true) {
  const waiting = new Set(due);
  const takes: (readonly string[])[] = [];
  const written: (readonly string[])[] = [];
  const underWay = new Map<string, () => void>();
  const sent: string[] = [];
  const warned: unknown[] = [];
  let isStopping = false;
  const deliveries: Deliveries = {
    take: async ({ deliveryIds, others }) => {
      const named = deliveryIds.filter((id) => waiting.delete(id));
      const more = [...waiting].slice(0, others);
      for (const id of more) waiting.delete(id);
      takes.push([...named, ...more]);
      return [...named, ...more].map((deliveryId) => ({
        deliveryId,
        environment: 'test',
        endpoint: 'chat',
        url: 'https://example.com/hook',
        webhookId: `w-${deliveryId}`,
        body: '{}',
        attempt: 1,
        asked: 0,
        nowMs: 0,
      }));
    },
    record: async (tries) => {
      written.push(tries.map(({ delivery }) => delivery.deliveryId));
      const [next = null] = waiting;
      return tries.map(() => ({ kind: 'written', next, restsMs: null, gaveUp: 0 }));
    },
    ...change,
  };
  const deliverer = new Deliverer(
    {
      deliveries,
      sender: {
        send: async ({ deliveryId }) => {
          sent.push(deliveryId);
          if (!answersAtOnce) await new Promise<void>((resolve) => underWay.set(deliveryId, resolve));
          underWay.delete(deliveryId);
          return { outcome: 'delivered', status: 204, reason: null, retryAfterMs: null };
        },
      },
      log: { warn: (facts, message) => void warned.push([message, facts]) },
    },
    () => isStopping,
  );
  const answer = (...those: readonly string[]): void => {
    for (const id of those) underWay.get(id)?.();
  };
  return { deliverer, waiting, takes, written, underWay, sent, warned, answer, stop: () => (isStopping = true) };
}

describe('a ring', () => {
  it('takes its webhook and what else is due in one statement', async () => {
    const { deliverer, takes, sent } = aDeliverer(ids(10));
    await deliverer.ring('d7');
    await deliverer.ended();
    expect(takes[0]).toEqual(['d7', 'd0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd8', 'd9']);
    expect(sent).toHaveLength(10);
  });

  it('is for a bunch at most: the next bunch is for the next ring, of whichever worker', async () => {
    const { deliverer, takes, underWay } = aDeliverer(ids(200), {}, false);
    void deliverer.ring('d0');
    await eventually('they are under way', () => underWay.size > 0);
    expect(takes.map((each) => each.length)).toEqual([128]);
  });

  it('for what is not due, or somebody else has sent, sends nothing', async () => {
    const { deliverer, sent, written } = aDeliverer([]);
    await deliverer.ring('d0');
    expect([sent, written]).toEqual([[], []]);
  });

  it('ends with its own webhook, however long others take', async () => {
    const { deliverer, underWay, answer } = aDeliverer(ids(3), {}, false);
    const rung = deliverer.ring('d1');
    await eventually('all are under way', () => underWay.size === 3);
    answer('d1');
    await rung;
    expect([...underWay.keys()]).toEqual(['d0', 'd2']);
  });

  it('twice for one webhook takes it once, and both wait for it', async () => {
    const { deliverer, sent } = aDeliverer(ids(1));
    await Promise.all([deliverer.ring('d0'), deliverer.ring('d0')]);
    expect(sent).toEqual(['d0']);
  });

  it('fails where nothing can be taken, and the next one is answered', async () => {
    let failing = true;
    const { deliverer } = aDeliverer([], {
      take: async () => {
        if (failing) throw keyturnError('STATE_UNAVAILABLE');
        return [];
      },
    });
    await expect(deliverer.ring('d0')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    failing = false;
    await deliverer.ring('d0');
  });
});

it('no more than 256 are under way, and what ends makes room for what waits', async () => {
  const { deliverer, waiting, underWay, answer } = aDeliverer(ids(300), {}, false);
  for (const id of ['d0', 'd128', 'd256']) void deliverer.ring(id);
  await eventually('all places are taken', () => underWay.size === 256);
  expect(waiting.size).toBe(44);

  answer(...[...underWay.keys()].slice(0, 10));
  await eventually('the places are taken again', () => underWay.size === 256 && waiting.size === 34);
});

it('how webhooks went that end together is written down together', async () => {
  const { deliverer, written } = aDeliverer(ids(60));
  await deliverer.ring('d0');
  await deliverer.ended();
  expect(written.flat()).toHaveLength(60);
  expect(written.length).toBeLessThanOrEqual(3);
});

it('what is due for a quick endpoint follows, beyond what was rung for', async () => {
  const { deliverer, sent } = aDeliverer(ids(500));
  await deliverer.ring('d0');
  await deliverer.ended();
  expect(sent).toHaveLength(500);
});

it('a worker that stops takes nothing more, and waits for what is under way until that is written down', async () => {
  const { deliverer, waiting, underWay, answer, written, stop } = aDeliverer(ids(200), {}, false);
  const rung = deliverer.ring('d0');
  await eventually('a bunch is under way', () => underWay.size === 128);
  stop();
  await deliverer.ring('d199');
  let hasEnded = false;
  const ended = deliverer.ended().then(() => (hasEnded = true));
  answer(...[...underWay.keys()].slice(1));
  await eventually('most are written down', () => written.flat().length === 127);
  expect(hasEnded).toBe(false);

  answer('d0');
  await Promise.all([rung, ended]);
  expect([written.flat().length, waiting.size]).toEqual([128, 72]);
});

it('a webhook whose end cannot be written down is told of, without its address, and holds no place', async () => {
  const record = async (tries: readonly DeliveryTry[]) => {
    if (tries.length > 0) throw keyturnError('STATE_UNAVAILABLE');
    return [];
  };
  const { deliverer, warned } = aDeliverer(ids(1), { record });
  await deliverer.ring('d0');
  await deliverer.ended();
  expect(warned).toEqual([
    [
      'how a webhook went is not known, it is sent again',
      { deliveryId: 'd0', environment: 'test', endpoint: 'chat', code: 'STATE_UNAVAILABLE' },
    ],
  ]);
});
