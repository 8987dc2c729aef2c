import { expect, test } from 'vitest';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import type { Delivery, DeliveryTry } from '../../../src/ports/operations.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';

const environment = 'prod';
const canary: RotationEvent = { kind: 'GateOpened', step: 'canary' };
const forMs = 30_000;

/** A state in which each of these endpoints, in their order, is owed so many webhooks, the first ones the longest. */
async function owed(count: number, ...names: readonly string[]) {
  const state = await freshState();
  const harness = harnessOf(state);
  const all = names.map((name) => ({ environment, name, url: `https://${name}.example/hook` }));
  await state.registry.declare({ environment, secrets: [], targets: [], endpoints: all });
  const executor = await Executor.start(harness, planFor('told'));
  for (let each = 0; each < count; each += 1) await executor.commit([canary]);
  // As if the endpoints had been told one after the other.
  for (const [index, name] of names.entries())
    await state.admin.query(
      `UPDATE keyturn.deliveries SET next_at = next_at - $2 * interval '1 minute' WHERE endpoint = $1`,
      [name, names.length - index],
    );
  const take = (others: number, ...deliveryIds: readonly string[]) =>
    state.deliveries.together.take({ deliveryIds, others, forMs });
  const idsOf = async (endpoint: string) => {
    const { rows } = await state.admin.query<{ id: string }>(
      'SELECT delivery_id AS id FROM keyturn.deliveries WHERE endpoint = $1 ORDER BY next_at',
      [endpoint],
    );
    return rows.map(({ id }) => id);
  };
  return { state, take, idsOf, pass: harness.pass };
}

const endpointsOf = (all: readonly Delivery[]): readonly string[] => all.map(({ endpoint }) => endpoint).sort();
const tryOf = (delivery: Delivery, outcome: DeliveryTry['outcome'] = 'delivered'): DeliveryTry => ({
  delivery,
  outcome,
  status: outcome === 'delivered' ? 204 : 503,
  reason: null,
  tookMs: 8,
  againInMs: outcome === 'failed' ? 0 : null,
});

async function ruled(state: State, endpoint: string, how: string): Promise<void> {
  await state.admin.query(`UPDATE keyturn.webhook_endpoints SET ${how} WHERE name = $1`, [endpoint]);
}

test('what is named is taken, and beside it what is due the longest', async () => {
  const { take, idsOf } = await owed(1, 'a', 'b', 'c', 'd');
  const [named = ''] = await idsOf('d');

  expect(endpointsOf(await take(2, named))).toEqual(['a', 'b', 'd']);
  expect(endpointsOf(await take(2))).toEqual(['c']);
  expect(await take(2, named)).toEqual([]);
});

test('one that was taken is with its time, its try and its address', async () => {
  const { take, state } = await owed(1, 'a');
  const [taken] = await take(1);
  expect(taken).toMatchObject({ endpoint: 'a', environment, url: 'https://a.example/hook', attempt: 1, asked: 0 });
  expect(await state.deliveryLog.find(taken?.deliveryId ?? '')).toMatchObject({ attempt: 1, outcome: null });
});

test('of each endpoint as many are taken as may be under way, named or not', async () => {
  const { take, idsOf } = await owed(6, 'a', 'b');
  const ofA = await idsOf('a');

  expect(endpointsOf(await take(0, ...ofA))).toEqual(['a', 'a', 'a', 'a']);
  expect(endpointsOf(await take(100))).toEqual(['b', 'b', 'b', 'b']);
  expect(await take(100, ...ofA)).toEqual([]);
});

test('what is under way counts for who takes after it', async () => {
  const { take } = await owed(6, 'a');
  expect(await take(3)).toHaveLength(3);
  expect(await take(100)).toHaveLength(1);
  expect(await take(100)).toEqual([]);
});

test('one that may have a single webhook under way has one', async () => {
  const { state, take, idsOf } = await owed(3, 'a', 'b');
  await ruled(state, 'a', 'failures = 3');
  await ruled(state, 'b', 'failures = 3');
  expect(endpointsOf(await take(100, ...(await idsOf('a'))))).toEqual(['a', 'b']);
});

test('endpoints without a place left keep nobody from the others', async () => {
  const { take } = await owed(6, 'a', 'b', 'c');
  expect(endpointsOf(await take(8))).toEqual(['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b']);

  expect(endpointsOf(await take(2))).toEqual(['c', 'c']);
});

test.each([
  ['is gone', 'gone = true'],
  ['is declared no more', 'declared = false'],
  ['rests', `rests_until = clock_timestamp() + interval '1 minute'`],
])('nothing is taken of an endpoint that %s, named or not', async (_, how) => {
  const { state, take, idsOf } = await owed(1, 'a', 'b', 'c');
  await ruled(state, 'a', how);
  await ruled(state, 'b', how);
  expect((await state.sweep.undelivered(10, 0)).map(({ deliveryId }) => deliveryId)).toEqual(await idsOf('c'));
  expect(endpointsOf(await take(10, ...(await idsOf('a'))))).toEqual(['c']);
});

test('what was delivered, or is put off, is not taken, named or not', async () => {
  const { state, take, idsOf } = await owed(1, 'a', 'b');
  const [first] = await take(1);
  await state.deliveries.together.record([tryOf(first!)]);
  const [second] = await take(1);
  await state.deliveries.together.record([{ ...tryOf(second!, 'failed'), againInMs: 60_000 }]);

  expect(await take(10, ...(await idsOf('a')), ...(await idsOf('b')))).toEqual([]);
});

test('what was delivered is never taken again, whatever else is due for its endpoint', async () => {
  const { state, take, pass } = await owed(2, 'a');
  const [first] = await take(1);
  await state.deliveries.together.record([tryOf(first!)]);
  await pass(60_000);

  const taken = await take(10);
  expect(taken.map(({ deliveryId }) => deliveryId === first?.deliveryId)).toEqual([false]);
});

test('workers that take at the same time take different ones, and all there are', async () => {
  const names = Array.from({ length: 40 }, (_, index) => `e${index}`);
  const { take } = await owed(3, ...names);
  const all: string[] = [];
  const worker = async (): Promise<void> => {
    for (;;) {
      const taken = await take(7);
      if (taken.length === 0) return;
      all.push(...taken.map(({ deliveryId }) => deliveryId));
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  // Who is passed over while another has its endpoint locked is there for the next look.
  await worker();
  expect([all.length, new Set(all).size]).toEqual([120, 120]);
});

test('tries are written down together, each as if it were alone, and answered in their order', async () => {
  const { state, take } = await owed(5, 'a', 'b');
  const taken = await take(100);
  const [b1, b2, ...restOfB] = taken.filter(({ endpoint }) => endpoint === 'b');
  const [a1, a2, a3, a4] = taken.filter(({ endpoint }) => endpoint === 'a');
  const stranger = { deliveryId: 'unheard-of', url: 'https://a.example/hook', asked: 0 };

  const results = await state.deliveries.together.record([
    tryOf(b1!),
    tryOf(a1!, 'failed'),
    { ...tryOf(a2!, 'failed'), delivery: stranger },
    tryOf(a2!, 'failed'),
    tryOf(a3!, 'failed'),
    tryOf(b2!, 'gone'),
    tryOf(a4!),
  ]);

  expect(restOfB).toHaveLength(2);
  expect(results.map(({ kind, restsMs }) => [kind, restsMs !== null])).toEqual([
    ['written', false],
    ['written', false],
    ['late', false],
    ['written', false],
    ['written', true],
    ['written', false],
    ['written', false],
  ]);
  const outcomeOf = async ({ deliveryId }: Delivery) => (await state.deliveryLog.find(deliveryId))?.attempts;
  expect(await outcomeOf(b1!)).toMatchObject([{ outcome: 'delivered', status: 204, reason: null, latencyMs: 8 }]);
  expect(await outcomeOf(a3!)).toMatchObject([{ outcome: 'failed', status: 503 }]);
  const { rows } = await state.admin.query('SELECT name, gone, failures FROM keyturn.webhook_endpoints ORDER BY name');
  expect(rows).toEqual([
    { name: 'a', gone: false, failures: 0 },
    { name: 'b', gone: true, failures: 0 },
  ]);
});

test('where one try cannot be written none of the call is', async () => {
  const { state, take } = await owed(1, 'a', 'b');
  const [one, other] = await take(2);
  // No number of a status.
  const bad = { ...tryOf(other!), status: 2 ** 40 };
  await expect(state.deliveries.together.record([tryOf(one!), bad])).rejects.toMatchObject({ code: 'STATE_REFUSED' });
  expect(await state.deliveryLog.find(one?.deliveryId ?? '')).toMatchObject({ outcome: null, attempts: [] });
});

test('workers that write down tries of the same endpoints the other way round do not wait in a circle', async () => {
  const names = Array.from({ length: 60 }, (_, index) => `e${index}`);
  const { state, take } = await owed(2, ...names);
  const taken = await take(200);
  const halves = [0, 1].map((half) =>
    names.map((name) => tryOf(taken.filter(({ endpoint }) => endpoint === name)[half]!, 'failed')),
  );
  const [there, back] = [halves[0]!, halves[1]!.toReversed()];
  const elsewhere = names.map((name) => ({ environment, name, url: `https://${name}.elsewhere.example` }));
  await Promise.all([
    state.deliveries.together.record(there),
    state.deliveries.together.record(back),
    state.registry.declare({ environment, secrets: [], targets: [], endpoints: elsewhere.toReversed() }),
  ]);
  const { rows } = await state.admin.query('SELECT count(*)::integer AS count FROM keyturn.delivery_attempts');
  expect(rows).toEqual([{ count: 120 }]);
});
