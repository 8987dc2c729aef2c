import { expect, test } from 'vitest';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import type { Delivery } from '../../../src/ports/operations.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';

const environment = 'prod';
const canary: RotationEvent = { kind: 'GateOpened', step: 'canary' };
const parked: RotationEvent = { kind: 'Parked', code: 'HELD', facts: {} };
const arrived = { outcome: 'delivered', status: 204, reason: null, tookMs: 8, againInMs: null } as const;
const failed = { outcome: 'failed', status: 503, reason: null, tookMs: 5, againInMs: 0 } as const;

async function declare(state: State, ...endpoints: readonly { readonly name: string; readonly events?: string[] }[]) {
  const all = endpoints.map((each) => ({ environment, url: `https://${each.name}.example/hook`, ...each }));
  await state.registry.declare({ environment, secrets: [], targets: [], endpoints: all });
}

/** A state whose endpoint `a` is to be told of so many webhooks. */
async function owed(count: number, ...others: readonly string[]) {
  const state = await freshState();
  await declare(state, ...['a', ...others].map((name) => ({ name })));
  const executor = await Executor.start(harnessOf(state), planFor('told'));
  for (let each = 0; each < count; each += 1) await executor.commit([canary]);
  return { state, executor, pass: harnessOf(state).pass };
}

/** Takes what is due, one after the other, as a worker does that is rung for all. */
async function taken(state: State): Promise<readonly Delivery[]> {
  const all: Delivery[] = [];
  for (const { deliveryId } of await state.sweep.undelivered(100, 0)) {
    const delivery = await state.deliveries.take(deliveryId, 30_000);
    if (delivery !== null) all.push(delivery);
  }
  return all;
}

const endpointsOf = (all: readonly Delivery[]): readonly string[] => all.map(({ endpoint }) => endpoint).sort();

/** Lets the endpoint fail until it rests. *Returns* how long it rests. */
async function restless(state: State): Promise<number> {
  for (let count = 0; count < 2; count += 1) {
    const [one] = await taken(state);
    expect(await state.deliveries.record(one!, failed)).toMatchObject({ restsMs: null });
  }
  const [third] = await taken(state);
  const { restsMs } = await state.deliveries.record(third!, failed);
  return restsMs ?? 0;
}

test('the backlog of one endpoint keeps nobody from the others', async () => {
  const { state, executor } = await owed(9);
  await declare(state, { name: 'a' }, { name: 'b' });
  await executor.commit([parked], { dueInMs: null });

  const due = await state.sweep.undelivered(5, 0);

  const { rows } = await state.admin.query<{ endpoint: string }>(
    'SELECT endpoint FROM keyturn.deliveries WHERE delivery_id = ANY ($1) ORDER BY endpoint',
    [due.map(({ deliveryId }) => deliveryId)],
  );
  expect(rows.map(({ endpoint }) => endpoint)).toEqual(['a', 'a', 'a', 'a', 'b']);
  // They are rung for, and those behind them have no place yet.
  expect(await state.sweep.undelivered(100, 30_000)).toEqual([]);
});

test('four webhooks of an endpoint are under way at a time; who has sent one is given the next that waits', async () => {
  const { state } = await owed(6, 'b');

  const all = await taken(state);
  expect(endpointsOf(all)).toEqual(['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b']);
  const ofA = all.filter(({ endpoint }) => endpoint === 'a');
  const { next } = await state.deliveries.record(ofA[0]!, arrived);
  const fifth = await state.deliveries.take(next ?? '', 30_000);
  expect(fifth).toMatchObject({ endpoint: 'a', attempt: 1 });
  expect(ofA.map(({ deliveryId }) => deliveryId)).not.toContain(fifth?.deliveryId);

  const { next: last } = await state.deliveries.record(ofA[1]!, arrived);
  expect(await state.deliveries.take(last ?? '', 30_000)).not.toBeNull();
  expect(await state.deliveries.record(ofA[2]!, arrived)).toEqual({
    kind: 'written',
    next: null,
    restsMs: null,
    gaveUp: 0,
  });
});

test('what a worker took that died counts no longer when its time is over', async () => {
  const { state, pass } = await owed(4);
  expect(await taken(state)).toHaveLength(4);

  await pass(30_000);

  expect((await taken(state)).map(({ attempt }) => attempt)).toEqual([2, 2, 2, 2]);
});

test('an endpoint that fails three times in a row rests, longer each time, and no webhook is tried meanwhile', async () => {
  const { state, executor, pass } = await owed(1, 'b');
  for (const each of (await taken(state)).filter(({ endpoint }) => endpoint === 'b'))
    await state.deliveries.record(each, arrived);
  await pass(30_000);

  const restsMs = await restless(state);
  expect(restsMs).toBeGreaterThanOrEqual(8_000);
  expect(restsMs).toBeLessThanOrEqual(12_000);
  await executor.commit([parked], { dueInMs: null });
  expect(endpointsOf(await taken(state))).toEqual(['b']);
  // Also where somebody rang for it before.
  const [untried] = await state.deliveryLog.list({ endpoint: 'a', limit: 1 });
  expect(await state.deliveries.take(untried?.deliveryId ?? '', 30_000)).toBeNull();
  expect(
    (await state.deliveryLog.list({ endpoint: 'a', limit: 5 })).map(({ silenced, attempt }) => [silenced, attempt]),
  ).toEqual([
    ['resting', 0],
    ['resting', 4],
  ]);

  await pass(restsMs);
  const probes = await taken(state);
  expect(endpointsOf(probes)).toEqual(['a']);
  const { restsMs: longerMs } = await state.deliveries.record(probes[0]!, failed);
  expect(longerMs).toBeGreaterThanOrEqual(16_000);
  expect(longerMs).toBeLessThanOrEqual(24_000);
});

test('it rests five minutes at most, and a fifth by chance', async () => {
  const { state, pass } = await owed(1);
  await restless(state);
  for (let count = 0; count < 12; count += 1) {
    await pass(400_000);
    const [one] = await taken(state);
    const { restsMs } = await state.deliveries.record(one!, failed);
    expect(restsMs).toBeLessThanOrEqual(360_000);
  }
});

test('what has waited for a resting endpoint for longer than the schedule of tries is given up', async () => {
  const { state, executor, pass } = await owed(1);
  const restsMs = await restless(state);
  for (let count = 0; count < 3; count += 1) await executor.commit([canary]);
  await pass(76 * 3_600_000 + restsMs);
  const untried = (await state.deliveryLog.list({ endpoint: 'a', limit: 10 })).filter(({ attempt }) => attempt === 0);
  // As if somebody had asked for it just now, which alone would end the rest.
  await state.admin.query('UPDATE keyturn.deliveries SET wanted_at = now() WHERE delivery_id = $1', [
    untried[0]?.deliveryId,
  ]);

  const [probe, ...others] = await taken(state);
  expect(others).toEqual([]);
  expect(await state.deliveries.record(probe!, failed)).toMatchObject({ kind: 'written', gaveUp: 2 });

  const after = await Promise.all(untried.map(async ({ deliveryId }) => state.deliveryLog.find(deliveryId)));
  expect(after.map((each) => each?.outcome)).toEqual([null, 'failed', 'failed']);
});

test('an endpoint that answers after its rest gets at once all that was held for it', async () => {
  const { state, executor, pass } = await owed(1);
  const restsMs = await restless(state);
  await executor.commit([canary]);
  await executor.commit([canary]);
  expect(await taken(state)).toEqual([]);
  await pass(restsMs);
  const [probe] = await taken(state);

  await state.deliveries.record(probe!, arrived);

  expect(await taken(state)).toHaveLength(2);
});

test('another address begins without the failures of the old one, which go on counting nowhere', async () => {
  const { state, executor } = await owed(1);
  await restless(state);
  await state.registry.declare({
    environment,
    secrets: [],
    targets: [],
    endpoints: [{ environment, name: 'a', url: 'https://elsewhere.example' }],
  });
  await executor.commit([parked], { dueInMs: null });

  expect((await taken(state)).map(({ url }) => url)).toContain('https://elsewhere.example');
});

test('an endpoint is told of the types it wants, and of all where it names none', async () => {
  const state = await freshState();
  await declare(state, { name: 'a', events: ['rotation.parked', 'rotation.completed'] }, { name: 'b' });
  const executor = await Executor.start(harnessOf(state), planFor('filtered'));
  await executor.commit([canary]);
  expect(endpointsOf(await taken(state))).toEqual(['b']);

  await executor.commit([parked], { dueInMs: null });
  expect(endpointsOf(await taken(state))).toEqual(['a', 'b']);

  await declare(state, { name: 'a' }, { name: 'b', events: ['rotation.completed'] });
  await (await Executor.start(harnessOf(state), planFor('again'))).commit([canary]);
  expect(endpointsOf(await taken(state))).toEqual(['a']);
});

test('a trial goes to an endpoint whatever it wants, also to one that is gone or rests, and is audited', async () => {
  const { state } = await owed(1);
  await restless(state);
  await declare(state, { name: 'a', events: ['rotation.completed'] });
  await state.admin.query('UPDATE keyturn.webhook_endpoints SET gone = true');

  const id = await state.deliveryLog.ping({ environment, endpoint: 'a', by: 'local:test' });

  const delivery = await state.deliveries.take(id, 30_000);
  expect(JSON.parse(delivery?.body ?? '')).toEqual({
    type: 'test.ping',
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    data: { environment, endpoint: 'a' },
  });
  expect(await state.deliveryLog.find(id)).toMatchObject({ secret: null, rotationId: null, silenced: null });
  const { rows } = await state.admin.query(
    "SELECT environment, secret, principal, facts FROM keyturn.audit WHERE action = 'ping'",
  );
  expect(rows).toEqual([
    { environment, secret: null, principal: 'local:test', facts: { delivery: id, endpoint: 'a' } },
  ]);
  await expect(state.deliveryLog.ping({ environment, endpoint: 'nobody', by: 'local:test' })).rejects.toMatchObject({
    code: 'ENDPOINT_UNDECLARED',
  });

  expect(await state.deliveries.record(delivery!, { ...failed, againInMs: 5_000 })).toMatchObject({ kind: 'written' });
  expect(await state.deliveryLog.find(id)).toMatchObject({ outcome: 'failed', nextAtMs: null });
});
