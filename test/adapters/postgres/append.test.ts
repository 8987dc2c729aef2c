import { expect, onTestFinished, test } from 'vitest';
import { createPool } from '../../../src/adapters/postgres/connection.js';
import { postgresJournal } from '../../../src/adapters/postgres/journal.js';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import { Executor, planFor, ttlMs } from '../../../src/testing/journal-harness.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { type State, freshState, harnessOf } from './state.js';

const intended: RotationEvent = { kind: 'StepIntended', step: 'create', attempt: 1 };
const stepDone = (step: string, tookMs: number, output = {}): RotationEvent => ({
  kind: 'StepDone',
  step,
  output,
  tookMs,
});

async function secretOf(state: State, name: string) {
  const { rows } = await state.admin.query<Record<string, unknown>>(
    `SELECT fence_known, current_version, last_rotated_at IS NOT NULL AS rotated, audit_until IS NOT NULL AS audited,
       next_audit_at < now() + interval '1 minute' AS soon FROM keyturn.secrets WHERE path = $1`,
    [`/${name}`],
  );
  return rows[0];
}

test('each event has its audit row, by whoever caused it', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('who'), 'host-7');
  await state.operations.command({ rotationId: 'who-1', kind: 'cancel', by: 'local:kim', reason: 'wrong day' });
  const commandId = (await state.journal.load('who-1'))?.surroundings.commands[0]?.id ?? 0;
  const taken = { kind: 'CommandTaken', command: 'cancel', commandId, by: 'local:kim', reason: 'wrong day' } as const;
  await executor.commit([taken, { kind: 'RollbackDecided', code: 'CANCELLED', facts: { by: 'local:kim' } }]);

  const { rows } = await state.admin.query(
    `SELECT principal, action, reason, facts->>'seq' AS seq, hash FROM keyturn.audit
     WHERE rotation_id = 'who-1' AND environment = 'prod' AND secret = 'prod:/who' ORDER BY id`,
  );
  expect(rows).toEqual([
    { principal: 'local:case', action: 'RotationRequested', reason: 'a case', seq: '1', hash: null },
    { principal: 'local:kim', action: 'command.cancel', reason: 'wrong day', seq: null, hash: null },
    { principal: 'local:kim', action: 'CommandTaken', reason: 'wrong day', seq: '2', hash: null },
    { principal: 'worker:host-7', action: 'RollbackDecided', reason: 'CANCELLED', seq: '3', hash: null },
  ]);
});

test('nothing is appended under the lease of another rotation', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('foreign'));
  await state.admin.query(`UPDATE keyturn.leases SET rotation_id = 'another'`);

  expect(await executor.append([intended])).toEqual({ kind: 'lost' });
});

test('an append is one statement, and so one round trip and one commit', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('one'));
  let statements = 0;
  const counted = {
    query: (text: string, values: unknown[]) => {
      statements += 1;
      return state.pool.query(text, values);
    },
  };

  // Only this form of the driver's call is used.
  await executor.through(postgresJournal(counted as typeof state.pool)).commit([stepDone('propose', 3), intended], {
    sealed: [{ slot: 'new', sealed: Uint8Array.of(1) }],
    claims: ['principal:app'],
  });

  expect(statements).toBe(1);
});

test('a commit whose answer was lost throws, and loading tells that it happened', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('unknown'));
  const { hostname, port } = new URL(state.appUrl);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  onTestFinished(() => proxy.stop());
  const pool = createPool(proxy.url(state.appUrl));
  onTestFinished(() => pool.end());
  await proxy.setMode({ kind: 'cutAfterRequest', match: /keyturn\.append/ });

  const append = executor.through(postgresJournal(pool)).append([intended]);

  await expect(append).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect((await state.journal.load('unknown-1'))?.events.map(({ event }) => event.kind)).toEqual([
    'RotationRequested',
    'StepIntended',
  ]);
  expect(await executor.append([intended])).toEqual({ kind: 'lost' });
});

test('sessions that the server ends do not end the pool', async () => {
  const state = await freshState();
  await state.intake.accept(planFor('ended'), []);
  await state.admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [state.role]);

  await expect
    .poll(() => state.journal.load('ended-1'))
    .toMatchObject({ events: [{ event: { kind: 'RotationRequested' } }] });
});

test('characters that jsonb refuses are replaced, not the end of the rotation', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('odd'));
  const parked = (why: string): RotationEvent => ({ kind: 'Parked', code: 'NOT_OURS', facts: { why } });

  await executor.commit([parked('a\u0000b\ud800c\udc00d\ud83d\ude00 \\u0000')]);

  const loaded = await state.journal.load('odd-1');
  expect(loaded?.events.at(-1)?.event).toEqual(parked('a\ufffdb\ufffdc\ufffdd\ud83d\ude00 \\u0000'));
});

test('the columns of the secret follow its rotation', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('columns'));
  await executor.commit([stepDone('stage', 1, { version: 7 }), stepDone('create', 1)]);
  expect(await secretOf(state, 'columns')).toMatchObject({ fence_known: true, current_version: null, rotated: false });

  await executor.commit([stepDone('promote', 1)]);
  expect(await secretOf(state, 'columns')).toMatchObject({ current_version: 7, rotated: false });

  await executor.commit([{ kind: 'RotationClosed', status: 'completed' }]);
  expect(await secretOf(state, 'columns')).toMatchObject({ fence_known: true, current_version: 7, rotated: true });
});

test('taking over from a worker that died makes the alias audit look soon', async () => {
  const state = await freshState();
  const harness = harnessOf(state);
  await Executor.start(harness, planFor('taken'));
  expect(await secretOf(state, 'taken')).toMatchObject({ audited: false, soon: false });
  await harness.pass(ttlMs);

  await Executor.start(harness, planFor('taken'), 'worker-2');

  expect(await secretOf(state, 'taken')).toMatchObject({ audited: true, soon: true });
});

test('a lease that was released is taken without an audit', async () => {
  const state = await freshState();
  const { lease } = await Executor.start(harnessOf(state), planFor('given'));
  await state.leases.release({ secret: lease.secret, epoch: lease.fence.epoch });

  await Executor.start(harnessOf(state), planFor('given'), 'worker-2');

  expect(await secretOf(state, 'given')).toMatchObject({ audited: false });
});

test('concurrent executors of one rotation leave one row for each sequence number', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('race'));

  const answers = await Promise.all(
    Array.from({ length: 40 }, async () => executor.through(state.journal).append([intended])),
  );

  expect(answers.filter(({ kind }) => kind === 'appended')).toHaveLength(1);
  expect(answers.filter(({ kind }) => kind === 'lost')).toHaveLength(39);
});

test('steps and ends are counted in the transaction of their events, over all sessions', async () => {
  const state = await freshState();
  await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (name) => {
      const executor = await Executor.start(harnessOf(state), planFor(name));
      await executor.commit([stepDone('create', 30), stepDone('create', 70), stepDone('drain', 10 ** 9)]);
      await executor.append([stepDone('create', 1)], { expectedSeq: 1 });
      await executor.commit([{ kind: 'RotationClosed', status: name === 'd' ? 'rolled_back' : 'completed' }]);
    }),
  );
  await state.intake.accept(planFor('open'), []);

  const metrics = await state.metrics.read();

  expect(metrics.rotations).toEqual([
    { workflow: 'staged-rotation', trigger: 'demand', outcome: 'completed', count: 3 },
    { workflow: 'staged-rotation', trigger: 'demand', outcome: 'rolled_back', count: 1 },
  ]);
  expect(metrics.steps).toEqual([
    {
      step: 'create',
      bucketsMs: [
        { upToMs: 50, count: 4 },
        { upToMs: 100, count: 8 },
      ],
      count: 8,
      sumMs: 400,
    },
    { step: 'drain', bucketsMs: [], count: 4, sumMs: 4 * 10 ** 9 },
  ]);
  expect(metrics.open).toEqual([
    { status: 'parked', count: 0 },
    { status: 'rolling_back', count: 0 },
    { status: 'running', count: 1 },
  ]);
});
