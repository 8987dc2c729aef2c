import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { bullmqWakeups } from '../../../src/adapters/bullmq/wakeups.js';
import { eventually } from '../../support/eventually.js';
import { bothEnds, gate, isUnavailable, ring } from './both-ends.js';
import type { QueueUnderTest } from './queue-under-test.js';

/** What they must do when the server goes, comes, swallows, or loses all it held. */
export function outageCases(setUp: () => Promise<QueueUnderTest>): void {
  const { queue, fast, wakeups, source, listen, proxied } = bothEnds(setUp);

  test('losing all that is queued does no harm', async () => {
    const of = await queue();
    const { ring: call } = wakeups(of);
    const { rang } = await listen(of);
    await call(ring('r-1', { delayMs: 3_600_000 }));

    await of.lose();
    await call(ring('r-1', { delayMs: 0 }));

    await eventually('the ring after the loss rang', () => rang.length === 1);
  });

  test('losing the queue while a handler works does no harm', async () => {
    const of = await queue();
    const { open, passed } = gate();
    const { ring: call } = wakeups(of);
    const { rang } = await listen(of, { rotation: async () => passed }, 1);
    await call(ring('r-1'));
    await eventually('it is in work', () => rang.length === 1);

    await of.lose();
    open();
    await call(ring('r-2'));

    await eventually('the next rang', () => rang.includes('r-2'));
  });

  test('a server that goes away and comes back is used again', async () => {
    const of = await queue();
    const proxy = await proxied(of);
    const through = { ...of, url: proxy.url(of.url) };
    const { ring: call, health } = wakeups(through);
    const { rang, source: listening } = await listen(through);
    await call(ring('r-1'));
    await eventually('it rang', () => rang.length === 1);

    await proxy.setMode({ kind: 'refuse' });
    await eventually('both ends know', () => health() === 'down' && listening.health() === 'down');
    await expect(call(ring('r-2'))).rejects.toMatchObject(isUnavailable);
    await proxy.setMode({ kind: 'pass' });
    await eventually('both ends are ready', () => health() === 'ready' && listening.health() === 'ready');
    await call(ring('r-3'));

    await eventually('it rings again', () => rang.includes('r-3'));
  });

  test('a handler in work when the server goes away finishes, once', async () => {
    const of = await queue();
    const proxy = await proxied(of);
    const through = { ...of, url: proxy.url(of.url) };
    const { open, passed } = gate();
    let finished = 0;
    const { rang, source: listening } = await listen(
      through,
      {
        rotation: async () => {
          await passed;
          finished += 1;
        },
      },
      1,
    );
    await wakeups(through).ring(ring('r-1'));
    await eventually('it is in work', () => rang.length === 1);

    await proxy.setMode({ kind: 'refuse' });
    await eventually('it is down', () => listening.health() === 'down');
    await proxy.setMode({ kind: 'pass' });
    await eventually('it is ready', () => listening.health() === 'ready');
    open();

    await eventually('it has finished', () => finished === 1);
    expect(rang).toEqual(['r-1']);
  });

  test('a server that is down at first is used when it comes', async () => {
    const of = await queue();
    const proxy = await proxied(of);
    await proxy.setMode({ kind: 'refuse' });
    const through = { ...of, url: proxy.url(of.url) };
    const { ring: call, health } = wakeups(through);
    const listening = source(through);
    const rang: string[] = [];
    const handlers = { rotation: async (id: string) => void rang.push(id), delivery: async () => {} };

    await expect(listening.start(handlers, 2)).rejects.toMatchObject(isUnavailable);
    await expect(call(ring('r-1'))).rejects.toMatchObject(isUnavailable);
    await proxy.setMode({ kind: 'pass' });
    await eventually('both ends are ready', () => health() === 'ready' && listening.health() === 'ready');
    await call(ring('r-2'));

    await eventually('it rang', () => rang.includes('r-2'));
  });

  test('a server that swallows everything makes a ring fail, not wait', async () => {
    const of = await queue();
    const proxy = await proxied(of);
    const made = bullmqWakeups({ ...fast, url: proxy.url(of.url), prefix: of.prefix, ringTimeoutMs: 200 });
    onTestFinished(made.close);
    await eventually('a ring gets through', async () => {
      await made.ring(ring('r-1'));
      return true;
    });

    await proxy.setMode({ kind: 'blackHole' });

    await expect(made.ring(ring('r-2'))).rejects.toMatchObject(isUnavailable);
  });

  test('what a refused ring throws names no host, user or password', async () => {
    const of = await queue();
    const proxy = await proxied(of);
    await proxy.setMode({ kind: 'refuse' });
    const url = new URL(proxy.url(of.url));
    url.username = 'some-user';
    url.password = 'planted-password';
    const { ring: call } = wakeups(of, url.href);

    const thrown = await call(ring('r-1')).catch((error: unknown) => error);

    expect(inspect(thrown, { depth: 20, showHidden: true })).not.toMatch(/planted-password|some-user|127\.0\.0\.1/);
  });

  test('stop and close end while the server is away', async () => {
    const of = await queue();
    const proxy = await proxied(of);
    const through = { ...of, url: proxy.url(of.url) };
    const calling = wakeups(through);
    const { source: listening } = await listen(through);
    await calling.ring(ring('r-1'));
    await proxy.setMode({ kind: 'refuse' });

    await Promise.all([calling.close(), listening.stop()]);

    await expect(calling.ring(ring('r-2'))).rejects.toMatchObject(isUnavailable);
  });
}
