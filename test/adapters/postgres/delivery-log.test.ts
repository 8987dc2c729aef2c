import { expect, test } from 'vitest';
import { isKeyturnError } from '../../../src/core/errors.js';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import type { Delivery } from '../../../src/ports/operations.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';

const environment = 'prod';
const canary: RotationEvent = { kind: 'GateOpened', step: 'canary' };
const parked: RotationEvent = { kind: 'Parked', code: 'HELD', facts: {} };
const arrived = { outcome: 'delivered', status: 204, reason: null, tookMs: 8, againInMs: null } as const;
const refused = { outcome: 'failed', status: 400, reason: null, tookMs: 5, againInMs: null } as const;
const silent = { outcome: 'failed', status: null, reason: 'no answer within 10 s', tookMs: 9, againInMs: 0 } as const;
const gone = { outcome: 'gone', status: 410, reason: null, tookMs: 1, againInMs: null } as const;
const again = { by: 'local:test', reason: 'it is back' };

async function declared(state: State, ...names: readonly string[]): Promise<void> {
  const endpoints = names.map((name) => ({ environment, name, url: `https://${name}.example/hook` }));
  await state.registry.declare({ environment, secrets: [], targets: [], endpoints });
}

/** Takes what is due, by the name of its endpoint. */
async function taken(state: State): Promise<ReadonlyMap<string, Delivery>> {
  const due = await state.sweep.undelivered(100, 0);
  const all = await Promise.all(due.map(async ({ deliveryId }) => state.deliveries.take(deliveryId, 60_000)));
  return new Map(all.flatMap((each) => (each === null ? [] : [[each.endpoint, each]])));
}

/** One webhook that was sent to `a`, and how that went. */
async function sent(result: Parameters<State['deliveries']['record']>[1]) {
  const state = await freshState();
  await declared(state, 'a');
  const executor = await Executor.start(harnessOf(state), planFor('sent'));
  await executor.commit([canary]);
  const delivery = (await taken(state)).get('a')!;
  await state.deliveries.record(delivery, result);
  return { state, executor, delivery };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (isKeyturnError(error) ? error.code : String(error)),
  );
}

test('webhooks are listed the newest first, by environment, endpoint, rotation and whether they arrived', async () => {
  const state = await freshState();
  await declared(state, 'a', 'b');
  const one = await Executor.start(harnessOf(state), planFor('one'));
  await one.commit([canary]);
  const first = await taken(state);
  await state.deliveries.record(first.get('a')!, arrived);
  const two = await Executor.start(harnessOf(state), planFor('two'));
  await two.commit([parked], { dueInMs: null });

  const rows = await state.deliveryLog.list({ limit: 10 });
  expect(rows.map(({ rotationId, type }) => `${rotationId} ${type}`)).toEqual([
    'two-1 rotation.parked',
    'two-1 rotation.parked',
    'one-1 rotation.canary',
    'one-1 rotation.canary',
  ]);
  expect(rows.find(({ outcome }) => outcome === 'delivered')).toMatchObject({
    deliveryId: first.get('a')?.deliveryId,
    endpoint: 'a',
    secret: 'prod:/one',
    attempt: 1,
    status: 204,
    latencyMs: 8,
    nextAtMs: null,
  });
  const found = async (filter: object): Promise<number> =>
    (await state.deliveryLog.list({ limit: 10, ...filter })).length;
  expect(await found({ environment: 'elsewhere' })).toBe(0);
  expect(await found({ endpoint: 'a' })).toBe(2);
  expect(await found({ rotationId: 'one-1' })).toBe(2);
  expect(await found({ undelivered: true })).toBe(3);
  expect(await found({ limit: 1 })).toBe(1);
});

test('every try of a webhook is kept, with what was answered by number alone', async () => {
  const { state, delivery } = await sent(silent);
  await state.deliveries.record((await taken(state)).get('a')!, arrived);

  const found = await state.deliveryLog.find(delivery.deliveryId);

  expect(found).toMatchObject({ webhookId: delivery.webhookId, body: delivery.body, outcome: 'delivered', attempt: 2 });
  expect(found?.attempts.map(({ atMs: _, ...each }) => each)).toEqual([
    { outcome: 'failed', status: null, reason: 'no answer within 10 s', latencyMs: 9 },
    { outcome: 'delivered', status: 204, reason: null, latencyMs: 8 },
  ]);
  expect(await state.deliveryLog.find('nowhere')).toBeNull();
});

test('a webhook that was given up is sent again, as the same one and from the first try, and it is written down', async () => {
  const { state, delivery } = await sent(refused);
  expect(await taken(state)).toEqual(new Map());

  await state.deliveryLog.redeliver({ deliveryId: delivery.deliveryId, ...again });

  const second = (await taken(state)).get('a');
  expect(second).toMatchObject({ webhookId: delivery.webhookId, body: delivery.body, attempt: 1 });
  const { rows } = await state.admin.query(
    `SELECT principal, reason, rotation_id, secret, facts FROM keyturn.audit WHERE action = 'redeliver'`,
  );
  expect(rows).toEqual([
    {
      principal: 'local:test',
      reason: 'it is back',
      rotation_id: 'sent-1',
      secret: 'prod:/sent',
      facts: { delivery: delivery.deliveryId, endpoint: 'a' },
    },
  ]);
});

test('a try that was under way when somebody asked again says nothing of the one that was asked for', async () => {
  const { state, delivery } = await sent(silent);
  const overtaken = (await taken(state)).get('a')!;
  await state.deliveryLog.redeliver({ deliveryId: delivery.deliveryId, ...again });

  expect(await state.deliveries.record(overtaken, refused)).toMatchObject({ kind: 'late' });

  const asked = (await taken(state)).get('a')!;
  expect(await state.deliveryLog.find(delivery.deliveryId)).toMatchObject({
    outcome: null,
    attempt: 1,
    status: null,
    latencyMs: null,
  });
  expect(await state.deliveries.record(asked, arrived)).toMatchObject({ kind: 'written' });
  expect(await state.deliveryLog.find(delivery.deliveryId)).toMatchObject({ outcome: 'delivered', status: 204 });
});

test('an endpoint that was gone is spoken to again where somebody sends it something again', async () => {
  const { state, executor, delivery } = await sent(gone);
  await executor.commit([canary]);
  expect(await state.deliveryLog.list({ limit: 9 })).toMatchObject([{ outcome: 'gone', silenced: 'gone' }]);
  await state.deliveryLog.redeliver({ deliveryId: delivery.deliveryId, ...again });
  expect([...(await taken(state)).values()].map(({ deliveryId }) => deliveryId)).toEqual([delivery.deliveryId]);
  const { rows } = await state.admin.query(
    `SELECT facts ->> 'revived' AS revived FROM keyturn.audit WHERE action = 'redeliver'`,
  );
  expect(rows).toEqual([{ revived: 'yes' }]);

  await executor.commit([parked], { dueInMs: null });

  expect((await taken(state)).size).toBe(1);
});

test('nothing is sent again that is unknown, or whose endpoint is declared no more', async () => {
  const { state, delivery } = await sent(refused);
  await declared(state, 'b');

  expect(await codeOf(state.deliveryLog.redeliver({ deliveryId: 'nowhere', ...again }))).toBe('UNKNOWN_DELIVERY');
  const undeclared = state.deliveryLog.redeliver({ deliveryId: delivery.deliveryId, ...again });
  expect(await codeOf(undeclared)).toBe('ENDPOINT_UNDECLARED');
  expect(await state.deliveryLog.find(delivery.deliveryId)).toMatchObject({ outcome: 'failed' });
});
