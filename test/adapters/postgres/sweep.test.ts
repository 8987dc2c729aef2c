import { expect, test } from 'vitest';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';

const fires = { cron: '0 3 * * *', timezone: 'Europe/Berlin' };
const environment = 'prod';

async function declare(state: State, ...names: readonly string[]) {
  return state.registry.declare({
    environment,
    secrets: names.map((name) => ({
      secret: `prod:/${name}`,
      environment,
      path: `/${name}`,
      target: 'main',
      schedule: { ...fires, overdueAfterMs: 86_400_000 },
    })),
    targets: [{ environment, target: 'main', concurrency: 4 }],
    endpoints: [],
  });
}

async function databaseMs(state: State): Promise<number> {
  const { rows } = await state.admin.query<{ ms: number }>('SELECT keyturn.to_ms(clock_timestamp()) AS ms');
  return rows[0]?.ms ?? Number.NaN;
}

test('a schedule is due from its time on and never while it is unset', async () => {
  const state = await freshState();
  await declare(state, 'a', 'b');
  expect(await state.sweep.due([environment], 10)).toEqual([]);
  const nowMs = await databaseMs(state);
  await state.sweep.reschedule('prod:/a', null, nowMs - 5);
  await state.sweep.reschedule('prod:/b', null, nowMs + 3_600_000);

  expect(await state.sweep.due([environment], 10)).toEqual([
    { secret: 'prod:/a', ...fires, dueAtMs: nowMs - 5, nowMs: expect.any(Number) as number },
  ]);
  expect(await state.sweep.due(['staging'], 10)).toEqual([]);
});

test('of many workers that move a due time on one succeeds', async () => {
  const state = await freshState();
  await declare(state, 'moved');
  const nowMs = await databaseMs(state);
  await state.sweep.reschedule('prod:/moved', null, nowMs);

  const moved = await Promise.all(
    Array.from({ length: 8 }, async () => state.sweep.reschedule('prod:/moved', nowMs, nowMs + 60_000)),
  );

  expect(moved.filter(Boolean)).toHaveLength(1);
});

test('two sweeps at once share the unattended rotations and ring for none twice', async () => {
  const state = await freshState();
  await Promise.all(Array.from({ length: 30 }, async (_, index) => state.intake.accept(planFor(`r${index}`), [])));

  const rung = await Promise.all(Array.from({ length: 6 }, async () => state.sweep.unattended(10, 30_000)));

  const ids = rung.flat().map(({ rotationId }) => rotationId);
  expect(new Set(ids).size).toBe(ids.length);
  const left = await state.sweep.unattended(100, 30_000);
  expect(ids.length + left.length).toBe(30);
});

test('an alias is audited hourly, and every 30 s for 15 min after a takeover', async () => {
  const state = await freshState();
  const harness = harnessOf(state);
  await declare(state, 'calm', 'taken');
  await harness.pass(3_600_000);
  const audits = async () => (await state.sweep.audits([environment], 10)).map(({ secret }) => secret).sort();
  expect(await audits()).toEqual(['prod:/calm', 'prod:/taken']);
  expect(await audits()).toEqual([]);
  await Executor.start(harness, planFor('taken'), 'worker-1');
  await harness.pass(60_000);
  await Executor.start(harness, planFor('taken'), 'worker-2');

  for (let round = 0; round < 3; round += 1) {
    await harness.pass(30_000);
    expect(await state.sweep.audits([environment], 10)).toEqual([{ secret: 'prod:/taken', openRotation: 'taken-1' }]);
  }
  await harness.pass(900_000);
  expect(await audits()).toEqual(['prod:/taken']);
  await harness.pass(900_000);
  expect(await audits()).toEqual([]);
});

test('what an audit found is in the audit trail', async () => {
  const state = await freshState();
  await declare(state, 'found');

  await state.sweep.audited('prod:/found', null);
  await state.sweep.audited('prod:/found', 'current is refused');

  const { rows } = await state.admin.query(
    'SELECT environment, principal, action, reason FROM keyturn.audit ORDER BY id',
  );
  const row = { environment, principal: 'keyturn', action: 'AliasAudited' };
  expect(rows).toEqual([
    { ...row, reason: null },
    { ...row, reason: 'current is refused' },
  ]);
});

test.each([
  ['secrets_due', `SELECT FROM keyturn.secrets WHERE declared AND next_due_at <= now() ORDER BY next_due_at LIMIT 10`],
  [
    'secrets_audit',
    `SELECT FROM keyturn.secrets WHERE declared AND next_audit_at <= now() ORDER BY next_audit_at LIMIT 10`,
  ],
  [
    'rotations_due',
    `SELECT FROM keyturn.rotations WHERE closed_at IS NULL AND due_at <= now() ORDER BY urgent DESC, due_at LIMIT 10`,
  ],
  [
    'deliveries_due',
    `SELECT FROM keyturn.deliveries WHERE environment = 'e' AND endpoint = 'n' AND outcome IS NULL AND next_at <= now() ORDER BY next_at LIMIT 4`,
  ],
])('the sweep finds its rows by the index %s', async (index, statement) => {
  const state = await freshState();
  const client = await state.admin.connect();
  try {
    // An empty table is always read whole; what is asked is whether the index can answer.
    await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${statement}`);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain(`using ${index}`);
  } finally {
    client.release(true);
  }
});
