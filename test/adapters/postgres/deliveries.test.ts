import type { WebhookBody } from '../../../src/core/delivery.js';
import { expect, test } from 'vitest';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';

const environment = 'prod';
const canary: RotationEvent = { kind: 'GateOpened', step: 'canary' };
const parked: RotationEvent = { kind: 'Parked', code: 'HELD', facts: {} };

async function endpoints(state: State, ...names: readonly string[]): Promise<void> {
  await state.registry.declare({
    environment,
    secrets: [],
    targets: [],
    endpoints: names.map((name) => ({ environment, name, url: `https://${name}.example/hook` })),
  });
}

/** A delivery that was taken while the address of `a` was the one of {@link endpoints}. */
const sentToA = (deliveryId: string) => ({ deliveryId, url: 'https://a.example/hook', asked: 0 });

async function ring(state: State): Promise<readonly string[]> {
  return (await state.sweep.undelivered(100, 0)).map(({ deliveryId }) => deliveryId);
}

async function taken(state: State) {
  const ids = await ring(state);
  const all = await Promise.all(ids.map(async (id) => state.deliveries.take(id, 60_000)));
  return all.filter((delivery) => delivery !== null).sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
}

test('each endpoint of the environment is told of the same webhook, with a sequence that rises per secret', async () => {
  const state = await freshState();
  await endpoints(state, 'a', 'b');
  const executor = await Executor.start(harnessOf(state), planFor('told'));
  const stage: RotationEvent = { kind: 'StepDone', step: 'stage', output: { version: 3 }, tookMs: 1 };
  const { atMs } = await executor.commit([stage, canary]);
  const [first, second] = await taken(state);
  const { atMs: laterMs } = await executor.commit([parked], { dueInMs: null });
  const [third] = await taken(state);

  expect([first?.endpoint, second?.endpoint, first?.url]).toEqual(['a', 'b', 'https://a.example/hook']);
  expect(first?.webhookId).toMatch(/^msg_[0-9a-f]{32}$/);
  expect(second?.webhookId).toBe(first?.webhookId);
  expect(third?.webhookId).not.toBe(first?.webhookId);
  const data = { environment, secret: 'prod:/told', rotation: 'told-1' };
  expect(JSON.parse(first?.body ?? '')).toEqual<WebhookBody>({
    type: 'rotation.canary',
    timestamp: new Date(atMs).toISOString(),
    data: { ...data, version: 3, code: null, sequence: 1 },
  });
  expect(JSON.parse(third?.body ?? '')).toEqual<WebhookBody>({
    type: 'rotation.parked',
    timestamp: new Date(laterMs).toISOString(),
    data: { ...data, version: null, code: 'HELD', sequence: 2 },
  });
});

test('an endpoint of another environment, though it has the same name, is told nothing', async () => {
  const state = await freshState();
  await endpoints(state, 'a');
  const staging = { environment: 'staging', name: 'a', url: 'https://staging.example/hook' };
  await state.registry.declare({ environment: 'staging', secrets: [], targets: [], endpoints: [staging] });

  await (await Executor.start(harnessOf(state), planFor('ours'))).commit([canary]);

  expect((await taken(state)).map(({ url }) => url)).toEqual(['https://a.example/hook']);
});

test('a refused commit tells nobody', async () => {
  const state = await freshState();
  await endpoints(state, 'a');
  const executor = await Executor.start(harnessOf(state), planFor('quiet'));

  await executor.append([canary], { expectedSeq: 9 });

  expect(await ring(state)).toEqual([]);
});

test('a delivery is taken by one at a time and again after its time', async () => {
  const state = await freshState();
  await endpoints(state, 'a');
  await (await Executor.start(harnessOf(state), planFor('once'))).commit([canary]);
  const [id = ''] = await ring(state);

  const takes = await Promise.all(Array.from({ length: 8 }, async () => state.deliveries.take(id, 60_000)));
  expect(takes.filter((delivery) => delivery !== null)).toHaveLength(1);
  await harnessOf(state).pass(60_000);

  const [again] = await taken(state);
  expect([again?.attempt, again?.webhookId]).toEqual([2, takes.find((each) => each !== null)?.webhookId]);
});

test('a delivery that somebody rang for is not rung for again until nobody came', async () => {
  const state = await freshState();
  await endpoints(state, 'a');
  await (await Executor.start(harnessOf(state), planFor('rung'))).commit([canary]);
  const rung = async () => (await state.sweep.undelivered(100, 30_000)).length;

  expect([await rung(), await rung()]).toEqual([1, 0]);
  await harnessOf(state).pass(30_000);
  expect(await rung()).toBe(1);
});

test('a delivery that failed is due again when it was put off to, one that was delivered never', async () => {
  const state = await freshState();
  const harness = harnessOf(state);
  await endpoints(state, 'a');
  await (await Executor.start(harness, planFor('retried'))).commit([canary]);
  const [first] = await taken(state);
  const id = first?.deliveryId ?? '';

  await state.deliveries.record(sentToA(id), {
    outcome: 'failed',
    status: 503,
    reason: null,
    tookMs: 12,
    againInMs: 5_000,
  });
  expect(await ring(state)).toEqual([]);
  await harness.pass(5_000);
  expect((await taken(state)).map(({ attempt }) => attempt)).toEqual([2]);
  await state.deliveries.record(sentToA(id), {
    outcome: 'delivered',
    status: 204,
    reason: null,
    tookMs: 8,
    againInMs: null,
  });
  await harness.pass(10 ** 9);

  expect(await ring(state)).toEqual([]);
  expect(await state.deliveries.take(id, 1)).toBeNull();
  const { rows } = await state.admin.query('SELECT outcome, status, latency_ms, attempt FROM keyturn.deliveries');
  expect(rows).toEqual([{ outcome: 'delivered', status: 204, latency_ms: 8, attempt: 2 }]);
});

test('an endpoint that is gone is told nothing until its address changes', async () => {
  const state = await freshState();
  await endpoints(state, 'a');
  const executor = await Executor.start(harnessOf(state), planFor('gone'));
  await executor.commit([canary]);
  await executor.commit([canary]);
  const [one, two] = await ring(state);

  await state.deliveries.take(one ?? '', 1);
  await state.deliveries.record(sentToA(one ?? ''), {
    outcome: 'gone',
    status: 410,
    reason: null,
    tookMs: 1,
    againInMs: null,
  });

  expect(await ring(state)).toEqual([]);
  expect(await state.deliveries.take(two ?? '', 1)).toBeNull();
  await endpoints(state, 'a');
  expect(await ring(state)).toEqual([]);
  await state.registry.declare({
    environment,
    secrets: [],
    targets: [],
    endpoints: [{ environment, name: 'a', url: 'https://elsewhere.example' }],
  });
  expect(await ring(state)).toEqual([two]);
});

test('what happens while an endpoint is gone is told to the others and never to it', async () => {
  const state = await freshState();
  await endpoints(state, 'a', 'b');
  const executor = await Executor.start(harnessOf(state), planFor('missed'));
  await executor.commit([canary]);
  for (const delivery of await taken(state)) {
    const outcome = delivery.endpoint === 'a' ? 'gone' : 'delivered';
    await state.deliveries.record(delivery, { outcome, status: 200, reason: null, tookMs: 1, againInMs: null });
  }

  await executor.commit([parked], { dueInMs: null });
  await state.registry.declare({
    environment,
    secrets: [],
    targets: [],
    endpoints: ['a', 'b'].map((name) => ({ environment, name, url: `https://${name}.elsewhere.example` })),
  });

  expect((await taken(state)).map(({ endpoint }) => endpoint)).toEqual(['b']);
});

test('an endpoint that was given another address while the old one answered that it is gone is told everything', async () => {
  const state = await freshState();
  await endpoints(state, 'a');
  const executor = await Executor.start(harnessOf(state), planFor('moved'));
  await executor.commit([canary]);
  const [old] = await taken(state);
  const elsewhere = { environment, name: 'a', url: 'https://elsewhere.example' };
  await state.registry.declare({ environment, secrets: [], targets: [], endpoints: [elsewhere] });

  const gone = { outcome: 'gone', status: 410, reason: null, tookMs: 1, againInMs: null } as const;
  expect(await state.deliveries.record(old!, gone)).toMatchObject({ kind: 'moved' });
  await executor.commit([parked], { dueInMs: null });

  const told = (await taken(state)).map(({ url, attempt, body }) => [
    url,
    attempt,
    (JSON.parse(body) as WebhookBody).type,
  ]);
  expect(told.sort()).toEqual([
    [elsewhere.url, 1, 'rotation.parked'],
    [elsewhere.url, 2, 'rotation.canary'],
  ]);
});

test('an endpoint that is declared no more is told nothing, and of what happens meanwhile never', async () => {
  const state = await freshState();
  await endpoints(state, 'a', 'b');
  const executor = await Executor.start(harnessOf(state), planFor('undeclared'));
  await executor.commit([canary]);
  const ids = await ring(state);

  await endpoints(state, 'b');
  await executor.commit([parked], { dueInMs: null });
  const takes = await Promise.all(ids.map(async (id) => state.deliveries.take(id, 60_000)));
  expect(takes.flatMap((each) => each?.endpoint ?? [])).toEqual(['b']);

  await endpoints(state, 'a', 'b');
  const types = (await taken(state)).map(({ endpoint, body }) => [endpoint, (JSON.parse(body) as WebhookBody).type]);
  expect(types).toEqual([
    ['a', 'rotation.canary'],
    ['b', 'rotation.parked'],
  ]);
});

test.each([
  ['failed for now', { outcome: 'failed', status: 503, reason: null, againInMs: 5_000 }],
  ['failed for good', { outcome: 'failed', status: 400, reason: null, againInMs: null }],
  ['delivered', { outcome: 'delivered', status: 202, reason: null, againInMs: null }],
  ['found its endpoint gone', { outcome: 'gone', status: 410, reason: null, againInMs: null }],
] as const)('a delivery stays delivered where a slower try says that it %s, and the next is told', async (_, late) => {
  const state = await freshState();
  const harness = harnessOf(state);
  await endpoints(state, 'a');
  await (await Executor.start(harness, planFor('twice'))).commit([canary]);
  const [slow] = await taken(state);
  await harness.pass(60_000);
  const [quick] = await taken(state);
  expect([slow?.deliveryId, quick?.attempt]).toEqual([quick?.deliveryId, 2]);
  const id = slow?.deliveryId ?? '';
  await state.deliveries.record(sentToA(id), {
    outcome: 'delivered',
    status: 204,
    reason: null,
    tookMs: 8,
    againInMs: null,
  });

  expect(await state.deliveries.record(sentToA(id), { ...late, tookMs: 70_000 })).toMatchObject({ kind: 'late' });
  await harness.pass(10 ** 9);

  expect(await ring(state)).toEqual([]);
  const { rows } = await state.admin.query('SELECT outcome, status, latency_ms FROM keyturn.deliveries');
  expect(rows).toEqual([{ outcome: 'delivered', status: 204, latency_ms: 8 }]);
  await (await Executor.start(harness, planFor('next'))).commit([canary]);
  expect(await taken(state)).toMatchObject([{ endpoint: 'a', attempt: 1 }]);
});
