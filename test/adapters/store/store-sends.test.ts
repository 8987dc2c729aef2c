import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresStoreSends } from '../../../src/adapters/postgres/store/sends.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import type { StoreSends } from '../../../src/ports/store-sends.js';
import { eventually } from '../../support/eventually.js';
import { type StoreFixture, storeFixture } from './store-fixture.js';

const settleMs = 360_000;

let fixture: StoreFixture;
let sends: StoreSends;

beforeAll(async () => {
  fixture = await storeFixture();
  const never = { turn: async () => 0 };
  sends = postgresStoreSends(fixture.pool, { put: never, label: never });
});

afterAll(() => fixture.close());

const begin = async (secret?: string): Promise<Scope> =>
  settling(await fixture.begin(secret ?? (await fixture.freshSecret())));

const settling = (scope: Scope): Scope => ({ ...scope, plan: { ...scope.plan, storeSettleMs: settleMs } });

const databaseMs = async (): Promise<number> =>
  (await fixture.pool.query<{ ms: number }>('SELECT keyturn.to_ms(clock_timestamp()) AS ms')).rows[0]?.ms ?? 0;

describe.each(['put', 'label'] as const)('a %s that is about to leave', (what) => {
  test('may, while the lease is held, and is told the time of the database', async () => {
    const scope = await begin();
    const before = await databaseMs();

    const nowMs = await sends.admit(scope, what);

    expect(nowMs).toBeGreaterThanOrEqual(before);
    expect(nowMs).toBeLessThanOrEqual(await databaseMs());
  });

  test.each<readonly [string, (scope: Scope) => Promise<unknown>]>([
    ['was taken over', (scope) => fixture.takeOver(scope)],
    ['ran out', (scope) => fixture.expire(scope)],
    ['was given back', (scope) => fixture.giveBack(scope)],
    ['is that of a later rotation', (scope) => fixture.begin(scope.plan.secret)],
  ])('may not where the lease %s, and nothing is noted', async (_, lose) => {
    const scope = await begin();
    await lose(scope);

    expect(await sends.admit(scope, what)).toBeNull();
    expect(await sends.unsettledMs(scope)).toBe(0);
  });

  test('waits for who is taking the lease over, and then may not', async () => {
    const scope = await begin();
    const taker = await fixture.pool.connect();
    try {
      await taker.query('BEGIN');
      await taker.query(`UPDATE keyturn.leases SET epoch = nextval('keyturn.epoch_seq') WHERE secret = $1`, [
        scope.plan.secret,
      ]);
      const { rows } = await taker.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');

      const late = sends.admit(scope, what);
      await eventually('it waits for the taker', async () => {
        const waiting = await fixture.pool.query(
          'SELECT 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))',
          [rows[0]?.pid],
        );
        return waiting.rows.length > 0;
      });
      await taker.query('COMMIT');

      expect(await late).toBeNull();
      expect(await sends.unsettledMs(scope)).toBe(0);
    } finally {
      taker.release();
    }
  });
});

describe('a put that has left', () => {
  test('may arrive for as long as the plan says, whoever asks for its rotation', async () => {
    const scope = await begin();
    await sends.admit(scope, 'put');
    const taken = settling(await fixture.takeOver(scope));

    const leftMs = await sends.unsettledMs(taken);

    expect(leftMs).toBeGreaterThan(settleMs - 60_000);
    expect(leftMs).toBeLessThanOrEqual(settleMs);
  });

  test('can no longer arrive once the time is over', async () => {
    const scope = await begin();
    await sends.admit(scope, 'put');
    await fixture.pool.query(
      `UPDATE keyturn.store_puts SET sent_at = sent_at - $2 * interval '1 millisecond' WHERE secret = $1`,
      [scope.plan.secret, settleMs],
    );

    expect(await sends.unsettledMs(scope)).toBe(0);
  });

  test('and was refused holds nobody up, and a label never does', async () => {
    const scope = await begin();
    await sends.admit(scope, 'put');
    await sends.refused(scope);
    expect(await sends.unsettledMs(scope)).toBe(0);

    await sends.admit(scope, 'label');
    expect(await sends.unsettledMs(scope)).toBe(0);
  });

  test('and was refused to who lost the lease since says nothing of the put of who took over', async () => {
    const scope = await begin();
    await sends.admit(scope, 'put');
    const next = settling(await fixture.takeOver(scope));
    await sends.admit(next, 'put');

    // An executor that was paused hears only now what became of its own.
    await sends.refused(scope);

    expect(await sends.unsettledMs(next)).toBeGreaterThan(settleMs - 60_000);
  });

  test('says what it repeats under the bare name, until the next says something else', async () => {
    const scope = await begin();
    expect(await sends.mirrored(scope)).toBeNull();
    await sends.admit(scope, 'put', 'a digest');
    expect(await sends.mirrored(scope)).toBe('a digest');
    const taken = settling(await fixture.takeOver(scope));
    expect(await sends.mirrored(taken)).toBe('a digest');

    await sends.refused(taken);
    expect(await sends.mirrored(scope)).toBeNull();

    const next = await begin(scope.plan.secret);
    await sends.admit(next, 'put', 'another');
    expect(await sends.mirrored(scope)).toBeNull();
    await sends.admit(next, 'put');
    expect(await sends.mirrored(next)).toBeNull();
  });

  test('by an earlier rotation holds up no later one', async () => {
    const scope = await begin();
    await sends.admit(scope, 'put');
    const next = await begin(scope.plan.secret);

    expect(await sends.unsettledMs(next)).toBe(0);
    await sends.admit(next, 'put');
    // Who was refused is the earlier one: the note of the later stands.
    await sends.refused(scope);
    expect(await sends.unsettledMs(next)).toBeGreaterThan(0);
  });
});
