import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { bothEnds, gate, ring } from './both-ends.js';
import type { QueueUnderTest } from './queue-under-test.js';

/** What the wakeups over BullMQ must do on any server it works on. */
export function wakeupCases(setUp: () => Promise<QueueUnderTest>): void {
  const { queue, names, wakeups, source, listen } = bothEnds(setUp);

  test('a ring reaches the handler of what it is about', async () => {
    const of = await queue();
    const { rang } = await listen(of);
    const { ring: call } = wakeups(of);

    await call(ring('r-1'));
    await call(ring('d-1', { about: 'delivery' }));

    await eventually('both rang', () => rang.length === 2);
    expect(rang.toSorted()).toEqual(['delivery d-1', 'r-1']);
  });

  test('nothing of a finished ring stays behind', async () => {
    const of = await queue();
    const { rang } = await listen(of);

    await wakeups(of).ring(ring('r-1'));

    await eventually('it rang', () => rang.length === 1);
    await eventually('the job is gone', async () => (await of.jobs()) === 0);
  });

  test('the same ring twice is one job', async () => {
    const of = await queue();
    const { ring: call } = wakeups(of);
    await call(ring('r-1'));
    await call(ring('r-1'));

    expect(await of.jobs()).toBe(1);
  });

  test('a ring with another key rings again, before and after the first has ended', async () => {
    const of = await queue();
    const { ring: call } = wakeups(of);
    await call(ring('r-1', { key: '1' }));
    await call(ring('r-1', { key: '2' }));
    const { rang } = await listen(of);
    await eventually('both rang', () => rang.length === 2);

    await call(ring('r-1', { key: '3' }));

    await eventually('the third rang', () => rang.length === 3);
  });

  test('an urgent ring overtakes a thousand that wait', async () => {
    const of = await queue();
    const { ring: call } = wakeups(of);
    // Ten at a time: a ring that the queue does not take within two seconds is given up, and a thousand at once are slow.
    const left = Array.from({ length: 1_000 }, (_, index) => ring(`r-${index}`)).values();
    const lane = async (): Promise<void> => {
      for (const each of left) await call(each);
    };
    await Promise.all(Array.from({ length: 10 }, lane));
    await call(ring('r-urgent', { urgent: true }));

    const { rang } = await listen(of, {}, 1);

    await eventually('something rang', () => rang.length > 0);
    expect(rang[0]).toBe('r-urgent');
  });

  test('a delay holds back neither the queue nor another ring for the same rotation', async () => {
    const of = await queue();
    const { ring: call } = wakeups(of);
    const { rang } = await listen(of);
    await call(ring('r-1', { key: '1', delayMs: 3_600_000 }));

    await call(ring('r-1', { key: '2' }));

    await eventually('the second rang', () => rang.length === 1);
  });

  test('a delayed ring rings', async () => {
    const of = await queue();
    const { rang } = await listen(of);

    await wakeups(of).ring(ring('r-1', { delayMs: 30 }));

    await eventually('it rang', () => rang.length === 1);
  });

  test('no print of either end shows the password', async () => {
    const of = await queue();
    const url = new URL(of.url);
    if (url.password === '') url.password = 'planted-password';
    const ends = [wakeups(of, url.href), source(of, url.href)];

    expect(inspect(ends, { depth: 20, showHidden: true, showProxy: true })).not.toContain(url.password);
  });

  test('forged jobs are dropped and counted', async () => {
    const of = await queue();
    const { rang, source: listening } = await listen(of);
    const forged = [
      {},
      'text',
      17,
      [],
      { rotationId: 17 },
      { rotationId: '' },
      { rotationId: 'r-1', step: 'destroy' },
      { deliveryId: 'd-1' },
      { rotationId: '../../etc' },
      { rotationId: 'x'.repeat(1_000_000) },
    ];
    for (const [index, data] of forged.entries()) await of.forge('rotations', data, `forged-${index}`);

    await eventually('all are dropped', () => listening.counts().dropped === forged.length);
    await wakeups(of).ring(ring('r-1'));
    await eventually('a true one rings', () => rang.length === 1);
    await eventually('none of them stays in work', async () => !(await of.dump()).includes('"state":"active"'));
    expect(rang).toEqual(['r-1']);
  });

  test('a handler that throws is reported by name, and its text reaches neither the queue nor us', async () => {
    const of = await queue();
    const { rang, source: listening } = await listen(of, {
      rotation: async () => {
        throw new RangeError('planted-password');
      },
    });

    await wakeups(of).ring(ring('r-1'));

    await eventually('it has failed', () => listening.counts().failed === 1);
    await eventually('the job is gone', async () => (await of.jobs()) === 0);
    expect(rang).toEqual(['r-1']);
    expect(names).toContain('RangeError');
    expect(await of.dump()).not.toContain('planted-password');
    expect(names.join()).not.toContain('planted-password');
  });

  test('the queue holds ids and nothing else', async () => {
    const of = await queue();
    const { ring: call } = wakeups(of);

    await call(ring('rotation-id-of-this-test'));
    await call(ring('delivery-id-of-this-test', { about: 'delivery' }));

    const dump = await of.dump();
    expect(dump).toMatch(/rotation-id-of-this-test/);
    const stored = [...dump.matchAll(/"data":("(?:[^"\\]|\\.)*"|\{[^}]*\})/g)].map(([, text = '']) =>
      text.replaceAll('\\', '').replace(/^"(\{.*\})"$/, '$1'),
    );
    // The events of the PostgreSQL backend have data of their own: the job's name and id.
    expect(
      stored.filter((text) => !/^\{("name":"(rotation|delivery)",)?"jobId":"[^"]*"\}$/.test(text)).toSorted(),
    ).toEqual(['{"deliveryId":"delivery-id-of-this-test"}', '{"rotationId":"rotation-id-of-this-test"}']);
  });

  test('no more handlers run at one time than allowed, a rebuild included', async () => {
    const of = await queue();
    const { open, passed } = gate();
    let running = 0;
    let most = 0;
    const { rang, source: listening } = await listen(
      of,
      {
        rotation: async () => {
          running += 1;
          most = Math.max(most, running);
          await passed;
          running -= 1;
        },
      },
      2,
    );
    const { ring: call } = wakeups(of);
    for (let index = 0; index < 8; index += 1) await call(ring(`r-${index}`));
    await eventually('two are in work', () => running === 2);

    listening.rebuild();
    await eventually('it is ready again', () => listening.health() === 'ready');
    open();

    await eventually('all rang', () => new Set(rang).size === 8);
    expect(most).toBe(2);
  });

  test('a rebuild takes rings again', async () => {
    const of = await queue();
    const { rang, source: listening } = await listen(of);
    listening.rebuild();
    await wakeups(of).ring(ring('r-1'));

    await eventually('it rang', () => rang.length === 1);
  });

  test('stop waits for the handler in work and takes nothing more', async () => {
    const of = await queue();
    const { open, passed } = gate();
    const { ring: call } = wakeups(of);
    let finished = false;
    const { rang, source: listening } = await listen(
      of,
      {
        rotation: async () => {
          await passed;
          finished = true;
        },
      },
      1,
    );
    await call(ring('r-1'));
    await call(ring('r-2'));
    await eventually('one is in work', () => rang.length === 1);

    const stopped = listening.stop();
    await eventually('it is closing', () => listening.health() === 'down');
    expect(finished).toBe(false);
    open();
    await stopped;

    expect(finished).toBe(true);
    expect(rang).toEqual(['r-1']);
    expect(await of.jobs()).toBe(1);
  });
}
