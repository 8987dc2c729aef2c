import type pg from 'pg';
import { expect, test } from 'vitest';
import { postgresJournal } from '../../../src/adapters/postgres/journal.js';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import type { Appended } from '../../../src/ports/journal.js';
import { Executor, planFor, ttlMs } from '../../../src/testing/journal-harness.js';
import { eventually } from '../../support/eventually.js';
import { type State, freshState, harnessOf } from './state.js';
import { inTheMiddle, waiting } from './waiting.js';

const intended: RotationEvent = { kind: 'StepIntended', step: 'disable', attempt: 1 };

/** Somebody who is in the middle of changing the secret: whoever commits for it waits. */
async function changing(state: State, secret: string): Promise<pg.Client> {
  const client = await inTheMiddle(state);
  await client.query('SELECT FROM keyturn.secrets WHERE secret = $1 FOR UPDATE', [secret]);
  return client;
}

/** Lets an append wait until this is so, then lets it go on. */
async function append(
  executor: Executor,
  { state, client }: { readonly state: State; readonly client: pg.Client },
  at: { readonly guard?: Parameters<Executor['append']>[1]; readonly until?: string },
): Promise<Appended> {
  const appended = executor.append([intended], at.guard);
  await waiting(state);
  const { until } = at;
  if (until !== undefined) {
    await eventually(until, async () => (await client.query<{ so: boolean }>(`SELECT ${until} AS so`)).rows[0]?.so);
  }
  await client.query('COMMIT');
  return appended;
}

test('a hold that is under way when the intent is committed stops it', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('hold'));
  const { guardSeq } = (await state.journal.load('hold-1'))?.surroundings ?? { guardSeq: -1 };
  const client = await changing(state, 'prod:/hold');
  await client.query(
    `UPDATE keyturn.secrets SET held_at = now(), held_by = 'local:kim', guard_seq = guard_seq + 1 WHERE secret = 'prod:/hold'`,
  );

  const guard = { guard: { guardSeq, notBeforeMs: 0, notAfterMs: Number.MAX_SAFE_INTEGER } };
  expect(await append(executor, { state, client }, { guard })).toMatchObject({
    kind: 'stale',
    surroundings: { held: true },
  });
});

test('a commit that waited past the end of its lease is lost', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('lease'));
  const client = await changing(state, 'prod:/lease');
  await state.admin.query(`UPDATE keyturn.leases SET expires_at = clock_timestamp() + interval '2 seconds'`);

  const until = '(SELECT clock_timestamp() > expires_at FROM keyturn.leases)';
  expect(await append(executor, { state, client }, { until })).toEqual({ kind: 'lost' });
});

test('a guarded commit that waited until its evidence was too old is stale', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('late'));
  const { guardSeq, nowMs } = (await state.journal.load('late-1'))?.surroundings ?? { guardSeq: -1, nowMs: 0 };
  const client = await changing(state, 'prod:/late');

  const notAfterMs = nowMs + 2_000;
  const guard = { guard: { guardSeq, notBeforeMs: 0, notAfterMs } };
  const until = `extract(epoch FROM clock_timestamp()) * 1000 > ${notAfterMs}`;
  expect(await append(executor, { state, client }, { guard, until })).toMatchObject({ kind: 'stale' });
});

test('who takes over waits for a commit that is under way, finds it in the journal, and has his time from then on', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('taken'));
  const client = await inTheMiddle(state);
  await executor.through(postgresJournal(client)).append([intended]);
  await state.admin.query('UPDATE keyturn.leases SET expires_at = clock_timestamp()');

  const taken = state.leases.acquire({ rotationId: 'taken-1', holder: 'worker-2', ttlMs });
  await waiting(state);
  const now = await client.query<{ ms: number }>('SELECT keyturn.to_ms(clock_timestamp()) AS ms');
  await client.query('COMMIT');

  expect(await taken).toMatchObject({ kind: 'granted' });
  expect((await state.journal.load('taken-1'))?.events.at(-1)?.event).toEqual(intended);
  const until = await state.admin.query<{ ms: number }>('SELECT keyturn.to_ms(expires_at) AS ms FROM keyturn.leases');
  expect(until.rows[0]?.ms).toBeGreaterThanOrEqual((now.rows[0]?.ms ?? 0) + ttlMs);
});
