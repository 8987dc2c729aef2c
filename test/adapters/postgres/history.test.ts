import { expect, test } from 'vitest';
import { postgresHistory } from '../../../src/adapters/postgres/history.js';
import type { StoredHistory } from '../../../src/core/history/stored.js';
import type { HistoryFilter } from '../../../src/ports/history.js';
import { Executor, planFor } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';

async function read(state: State, filter: HistoryFilter = {}): Promise<readonly StoredHistory[]> {
  const found: StoredHistory[] = [];
  for await (const each of postgresHistory(state.pool).histories(filter)) found.push(each);
  return found;
}

test('histories come secret by secret and oldest first, over pages, and one secret may be asked for alone', async () => {
  const state = await freshState();
  const secrets = Array.from({ length: 120 }, (_, index) => `s${String(index).padStart(3, '0')}`);
  for (const name of secrets) await state.intake.accept(planFor(name), [`prod:/${name}`]);
  await (await Executor.start(harnessOf(state), planFor('s007'))).commit([
    { kind: 'RotationClosed', status: 'cancelled' },
  ]);
  await state.intake.accept(planFor('s007', { rotationId: 's007-0' }), ['prod:/s007']);

  const all = await read(state);
  const one = await read(state, { secret: 'prod:/s007' });

  expect(all).toHaveLength(121);
  expect(all.map(({ secret }) => secret)).toEqual([...all.map(({ secret }) => secret)].sort());
  expect(one.map(({ rotationId }) => rotationId)).toEqual(['s007-1', 's007-0']);
  expect(one[0]).toEqual({
    rotationId: 's007-1',
    secret: 'prod:/s007',
    row: { seq: 2, status: 'cancelled', isClosed: true },
    events: (await state.journal.load('s007-1'))?.events,
    unlike: [],
  });
  expect(await read(state, { sinceMs: Date.now() + 3_600_000 })).toEqual([]);
});

test('what the journal and the audit trail do not both say is told', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('a'));
  await executor.commit([
    { kind: 'GateOpened', step: 'preflight' },
    { kind: 'FenceRaised' },
    { kind: 'DestroyDecided' },
  ]);
  await state.admin.query(`DELETE FROM keyturn.journal WHERE seq = 2`);
  await state.admin.query(`DELETE FROM keyturn.audit WHERE action = 'FenceRaised'`);
  await state.admin.query(`UPDATE keyturn.journal SET at = at + interval '1 microsecond' WHERE seq = 4`);

  const [history] = await read(state);

  expect(history?.unlike).toEqual([
    { seq: 2, what: 'the audit trail has it and the journal does not' },
    { seq: 3, what: 'it has no row in the audit trail' },
    { seq: 4, what: 'the journal and the audit trail do not say the same of it' },
  ]);
});

test('events without a rotation are strays, by journal or by audit trail', async () => {
  const state = await freshState();
  await state.intake.accept(planFor('here'), []);
  await state.admin.query(
    `INSERT INTO keyturn.journal (rotation_id, seq, epoch, kind, event) VALUES ('lost', 1, 0, 'FenceRaised', '{}')`,
  );
  await state.admin.query(
    `INSERT INTO keyturn.audit (secret, rotation_id, principal, action, facts) VALUES ('prod:/gone', 'gone', 'x', 'FenceRaised', '{"seq": 1}')`,
  );
  const { strays } = postgresHistory(state.pool);

  expect(await strays({})).toEqual(['gone', 'lost']);
  expect(await strays({ secret: 'prod:/gone' })).toEqual(['gone']);
  expect(await strays({ secret: 'prod:/here' })).toEqual([]);
});
