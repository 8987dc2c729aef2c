import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { StoreRate } from '../../../src/adapters/postgres/store/rate.js';
import { openPool } from '../../support/pool.js';
import { type StoreFixture, storeFixture } from './store-fixture.js';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await storeFixture();
});

afterAll(() => fixture.close());

const burst = 2;

/** The most grants in any one second, by the database's clock. */
function mostInOneSecond(grantsMs: readonly number[]): number {
  const sorted = [...grantsMs].sort((a, b) => a - b);
  return Math.max(...sorted.map((from) => sorted.filter((at) => at >= from && at < from + 1_000).length));
}

const ever = new AbortController().signal;

const rateOf = (perSecond: number, bucket = randomUUID(), pool: pg.Pool = fixture.pool): StoreRate =>
  new StoreRate(pool, { bucket, perSecond });

const waiting = { urgent: false, maxWaitMs: 60_000, signal: ever };

/** A bucket of every worker: each has a pool of its own. */
function fourWorkers(perSecond: number): readonly StoreRate[] {
  const bucket = randomUUID();
  return [1, 2, 3, 4].map(() => {
    const pool = openPool(fixture.url, 2);
    onTestFinished(() => pool.end());
    return rateOf(perSecond, bucket, pool);
  });
}

describe('the bucket of a store', () => {
  test('grants four workers at once no more in any second than its rate and its burst', async () => {
    const perSecond = 60;
    const workers = fourWorkers(perSecond);

    const grants = await Promise.all(
      workers.flatMap((rate, worker) =>
        Array.from({ length: 40 }, (_, turn) => rate.turn({ ...waiting, urgent: (worker + turn) % 5 === 0 })),
      ),
    );

    expect(grants).toHaveLength(160);
    expect(mostInOneSecond(grants)).toBeLessThanOrEqual(perSecond + burst);
    const [first = 0, ...rest] = [...grants].sort((a, b) => a - b);
    // The floor: nobody was granted more than the rate over the whole of it either, but for the token that may lie ahead
    // at its end and the half that was late at its beginning.
    expect((rest.at(-1) ?? 0) - first).toBeGreaterThanOrEqual(((grants.length - 1 - 1.5) / perSecond) * 1_000);
  });

  test('of a quiet store grants one at once, and what is urgent one more', async () => {
    const rate = rateOf(0.01);

    expect(await rate.ask(false)).toMatchObject({ granted: true, waitMs: 0 });
    expect(await rate.ask(false)).toMatchObject({ granted: false });
    expect(await rate.ask(true)).toMatchObject({ granted: true });
    expect(await rate.ask(true)).toMatchObject({ granted: false });
    expect(await rate.ask(false)).toMatchObject({ granted: false });
  });

  test('says when it is worth asking again, and grants nothing for having been asked', async () => {
    const rate = rateOf(0.01);
    await rate.ask(false);

    const told = [await rate.ask(false), await rate.ask(false), await rate.ask(false)];

    for (const { waitMs } of told) {
      expect(waitMs).toBeLessThanOrEqual(100_000);
      expect(waitMs).toBeGreaterThan(50_000);
    }
  });

  test('gives its turns to what is urgent first, of what waits in one worker', async () => {
    const rate = rateOf(20);
    await rate.turn(waiting);
    const order: string[] = [];
    const take = async (name: string, urgent: boolean): Promise<void> => {
      await rate.turn({ ...waiting, urgent });
      order.push(name);
    };

    await Promise.all([
      take('first', false),
      take('second', false),
      take('third', false),
      take('back', true),
      take('back too', true),
    ]);

    expect(order.slice(0, 2)).toEqual(['back', 'back too']);
    expect(order.slice(2)).toEqual(['first', 'second', 'third']);
  });

  test('does not wait for a clock that was an hour ahead before a fail-over', async () => {
    const bucket = randomUUID();
    const rate = rateOf(10, bucket);
    await rate.ask(false);
    await fixture.pool.query("UPDATE keyturn.store_rates SET free_at = now() + interval '1 hour' WHERE bucket = $1", [
      bucket,
    ]);

    const { granted, waitMs } = await rate.ask(false);

    expect(granted).toBe(false);
    expect(waitMs).toBeLessThanOrEqual((burst * 1_000) / 10 + 1);
  });

  test('knows buckets apart', async () => {
    const [one, other] = [rateOf(0.01), rateOf(0.01)];
    await one.ask(false);

    expect(await other.ask(false)).toMatchObject({ granted: true });
  });

  test('lets go of who waits too long or is called off, and serves the next', async () => {
    const rate = rateOf(4);
    await rate.turn(waiting);
    const calledOff = new AbortController();
    const off = rate.turn({ ...waiting, signal: calledOff.signal });
    const late = rate.turn({ ...waiting, maxWaitMs: 1 });
    const last = rate.turn(waiting);

    calledOff.abort();

    await expect(off).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(late).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(rate.turn({ ...waiting, signal: calledOff.signal })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(await last).toBeGreaterThan(0);
  });

  test('of a database without it says so to everyone who waits', async () => {
    const pool = openPool('postgres://nobody@127.0.0.1:1/nothing', 1);
    onTestFinished(() => pool.end());
    const rate = rateOf(10, randomUUID(), pool);

    const turns = await Promise.allSettled([rate.turn(waiting), rate.turn(waiting)]);

    expect(turns).toMatchObject([1, 2].map(() => ({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } })));
  });
});
