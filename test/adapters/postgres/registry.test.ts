import { expect, test } from 'vitest';
import type { RegisteredSecret } from '../../../src/ports/operations.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { eventually } from '../../support/eventually.js';
import { type State, freshState, harnessOf } from './state.js';

const nightly = { cron: '0 3 * * *', timezone: 'UTC', overdueAfterMs: 86_400_000 };
const environment = 'prod';

const secret = (name: string, schedule: RegisteredSecret['schedule'] = null, target = 'main'): RegisteredSecret => ({
  secret: `prod:/${name}`,
  environment,
  path: `/${name}`,
  target,
  schedule,
});

async function declare(state: State, ...secrets: readonly RegisteredSecret[]) {
  return state.registry.declare({ environment, secrets, targets: [], endpoints: [] });
}

test('declaring tells whose schedule is new or changed, until its due time is set', async () => {
  const state = await freshState();
  const scheduled = secret('a', nightly);

  expect(await declare(state, scheduled, secret('b'))).toEqual([scheduled]);
  expect(await declare(state, scheduled, secret('b'))).toEqual([scheduled]);
  await state.sweep.reschedule('prod:/a', null, 1);
  expect(await declare(state, scheduled, secret('b'))).toEqual([]);
  const changed = secret('a', { ...nightly, timezone: 'Asia/Tokyo' });
  expect(await declare(state, changed, secret('b'))).toEqual([changed]);
  expect(await state.sweep.due([environment], 10)).toEqual([]);
});

test('what is no longer declared keeps its row and is never due', async () => {
  const state = await freshState();
  await declare(state, secret('kept'), secret('left', nightly));
  await state.sweep.reschedule('prod:/left', null, 1);

  await declare(state, secret('kept'));

  expect(await state.sweep.due([environment], 10)).toEqual([]);
  expect((await state.views.secrets()).map((row) => row.secret)).toEqual(['prod:/kept']);
  const { rows } = await state.admin.query('SELECT path, declared FROM keyturn.secrets ORDER BY path');
  expect(rows).toEqual([
    { path: '/kept', declared: true },
    { path: '/left', declared: false },
  ]);
});

test('introducing a secret leaves everything else, and the secret where it is known, as it is', async () => {
  const state = await freshState();
  const endpoints = [{ environment, name: 'hook', url: 'https://hook.test/' }];
  await state.registry.declare({ environment, endpoints, secrets: [secret('a', nightly)], targets: [target(4)] });
  await state.sweep.reschedule('prod:/a', null, 1);
  const rows = async (): Promise<unknown> => {
    const { rows: targets } = await state.admin.query('SELECT * FROM keyturn.targets');
    const { rows: hooks } = await state.admin.query('SELECT * FROM keyturn.webhook_endpoints');
    const { rows: known } = await state.admin.query("SELECT * FROM keyturn.secrets WHERE secret = 'prod:/a'");
    return { targets, hooks, known };
  };
  const before = await rows();

  await state.registry.introduce(secret('new', nightly));
  await state.registry.introduce(secret('a', null, 'other'));

  expect(await rows()).toEqual(before);
  expect((await state.sweep.due([environment], 10)).map((due) => due.secret)).toEqual(['prod:/a']);
  expect((await state.views.secrets()).map((row) => row.secret)).toEqual(['prod:/a', 'prod:/new']);
  expect(await declare(state, secret('a', nightly), secret('new', nightly))).toEqual([secret('new', nightly)]);
});

test('another environment is left as it is', async () => {
  const state = await freshState();
  await declare(state, secret('a'));

  await state.registry.declare({ environment: 'staging', secrets: [], targets: [], endpoints: [] });

  expect((await state.views.secrets('prod')).map((row) => row.secret)).toEqual(['prod:/a']);
  expect(await state.views.secrets('staging')).toEqual([]);
});

test('another target is something a guard relied on', async () => {
  const state = await freshState();
  await declare(state, secret('moved'));
  await declare(state, secret('moved'));
  expect((await state.views.secrets())[0]?.guardSeq).toBe(0);

  await declare(state, secret('moved', null, 'other'));

  expect((await state.views.secrets())[0]?.guardSeq).toBe(1);
});

test('workers that start at once declare the same without waiting in a circle', async () => {
  const state = await freshState();
  const secrets = Array.from({ length: 40 }, (_, index) => secret(`s${index}`));

  await Promise.all(
    Array.from({ length: 6 }, async (_, index) =>
      declare(state, ...(index % 2 === 0 ? secrets : [...secrets].reverse())),
    ),
  );

  expect(await state.views.secrets()).toHaveLength(40);
});

test('a rotation is found by its id and by a prefix that fits one only', async () => {
  const { views, intake } = await freshState();
  await intake.accept(planFor('x', { rotationId: 'abc%1' }), []);
  await intake.accept(planFor('y', { rotationId: 'abc%12' }), []);

  expect((await views.rotation('abc%1'))?.secret).toBe('prod:/x');
  expect((await views.rotation('abc%12'))?.secret).toBe('prod:/y');
  expect(await views.rotation('abc')).toBeNull();
  expect(await views.rotation('abc_1')).toBeNull();
  expect(await views.rotation('')).toBeNull();
});

test('the views show rotations, events, secrets and who is at work', async () => {
  const state = await freshState();
  const { views } = state;
  await declare(state, secret('seen'));
  const executor = await Executor.start(harnessOf(state), planFor('seen'), 'host-1');
  await state.operations.hold({ secret: 'prod:/seen', by: 'local:kim', reason: 'audit week' });
  await executor.commit([{ kind: 'StepIntended', step: 'preflight', attempt: 1 }]);
  await executor.commit([{ kind: 'Parked', code: 'HELD', facts: {} }], { dueInMs: null });

  expect(await views.rotation('seen')).toMatchObject({
    rotationId: 'seen-1',
    workflow: 'staged-rotation',
    workflowNumber: 1,
    status: 'parked',
    step: 'preflight',
    code: 'HELD',
    requestedBy: 'local:case',
    closedAtMs: null,
  });
  expect((await views.events('seen-1', 2)).map(({ seq, event }) => [seq, event.kind])).toEqual([[3, 'Parked']]);
  expect(await views.secrets('prod')).toMatchObject([
    { held: true, heldBecause: 'audit week', openRotation: 'seen-1' },
  ]);
  expect(await views.leaseHolder('prod:/seen')).toMatchObject({ holder: 'host-1', epoch: executor.lease.fence.epoch });
  expect(await views.rotations({ open: true, environment: 'prod', secret: 'prod:/seen', limit: 5 })).toHaveLength(1);
  expect(await views.rotations({ open: false, limit: 5 })).toEqual([]);
  await state.leases.release({ secret: 'prod:/seen', epoch: executor.lease.fence.epoch });
  expect(await views.leaseHolder('prod:/seen')).toBeNull();
});

const declaration = { environment, endpoints: [{ environment, name: 'hook', url: 'https://hook.test/' }] };
const target = (concurrency: number) => ({ environment, target: 'main', concurrency });

test('a worker that starts with what is declared already waits for no rotation', async () => {
  const state = await freshState();
  const unchanged = { ...declaration, secrets: [secret('a')], targets: [target(4)] };
  await state.registry.declare(unchanged);
  const rotation = await state.admin.connect();
  try {
    await rotation.query('BEGIN');
    await rotation.query('SELECT FROM keyturn.secrets FOR NO KEY UPDATE');
    await rotation.query('SELECT FROM keyturn.targets FOR NO KEY UPDATE');
    await state.pool.query(`SET lock_timeout = '1ms'`);

    expect(await state.registry.declare(unchanged)).toEqual([]);
  } finally {
    await rotation.query('ROLLBACK');
    rotation.release();
  }
});

test('a changed declaration locks secrets before targets, as a rotation does', async () => {
  const state = await freshState();
  await state.registry.declare({ ...declaration, secrets: [secret('a')], targets: [target(4)] });
  const rotation = await state.admin.connect();
  try {
    await rotation.query('BEGIN');
    await rotation.query('SELECT FROM keyturn.secrets FOR NO KEY UPDATE');
    const declaring = state.registry.declare({
      ...declaration,
      secrets: [secret('a', nightly)],
      targets: [target(5)],
    });
    declaring.catch(() => {});
    await eventually('the declaration waits for the secret', async () => {
      const { rows } = await state.admin.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return rows.length === 1;
    });
    await rotation.query('SELECT FROM keyturn.targets FOR NO KEY UPDATE');
    await rotation.query('COMMIT');

    expect(await declaring).toEqual([secret('a', nightly)]);
  } finally {
    rotation.release();
  }
});
