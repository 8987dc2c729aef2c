import { expect, test } from 'vitest';
import { postgresStanding } from '../../../src/adapters/postgres/standing.js';
import { planFor } from '../../../src/testing/journal-harness.js';
import { freshState } from './state.js';
import { inTheMiddle, waiting } from './waiting.js';

test('who looks behind an effect waits for a hold that is being written, and sees it', async () => {
  const state = await freshState();
  const plan = planFor('held');
  await state.intake.accept(plan, []);
  const client = await inTheMiddle(state);
  await client.query(`UPDATE keyturn.secrets SET held_at = now(), held_by = 'local:kim', guard_seq = guard_seq + 1`);

  const fence = { era: 1, epoch: 1, known: false };
  const signal = new AbortController().signal;
  const scope = { plan, step: 'disable', attempt: 1, fence, nowMs: 0, signal, deadlineMs: 60_000 };
  const standing = postgresStanding(state.pool).read(scope);
  await waiting(state);
  await client.query('COMMIT');

  expect(await standing).toMatchObject({ held: true, guardSeq: 1 });
});
