import { expect, test } from 'vitest';
import { planFor } from '../../../src/testing/journal-harness.js';
import { freshState } from './state.js';

test('of two hundred requests at once for one secret one is accepted and the rest are told its id', async () => {
  const { intake, admin, registry, pool } = await freshState();
  // A secret whose row is there already: inserting it must not be what makes the requests wait for each other.
  await registry.declare({
    environment: 'prod',
    secrets: [{ secret: 'prod:/crowd', environment: 'prod', path: '/crowd', target: 'main', schedule: null }],
    targets: [{ environment: 'prod', target: 'main', concurrency: 1 }],
    endpoints: [],
  });
  // All sessions open before the first request: opening one takes longer than a request.
  const sessions = await Promise.all(Array.from({ length: 10 }, async () => pool.connect()));
  for (const session of sessions) session.release();

  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, index) =>
      intake.accept(planFor('crowd', { rotationId: `crowd-${index}` }), ['prod:/crowd', 'principal:crowd']),
    ),
  );

  const accepted = answers.filter(({ kind }) => kind === 'accepted');
  expect(accepted).toHaveLength(1);
  const open = { kind: 'open', rotationId: accepted[0]?.rotationId };
  expect(answers.filter(({ kind }) => kind === 'open')).toEqual(Array.from({ length: 199 }, () => open));
  const { rows } = await admin.query('SELECT count(*)::int AS events FROM keyturn.journal');
  expect(rows).toEqual([{ events: 1 }]);
});

test('requests that claim the same keys in another order do not block each other', async () => {
  const { intake } = await freshState();
  const keys = ['group:a', 'group:b', 'group:c'];

  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, index) =>
      intake.accept(planFor(`s${index}`), index % 2 === 0 ? keys : [...keys].reverse()),
    ),
  );

  const [accepted, ...more] = answers.filter(({ kind }) => kind === 'accepted');
  expect(more).toEqual([]);
  expect(
    answers.filter((answer) => answer.kind === 'claimed' && answer.rotationId === accepted?.rotationId),
  ).toHaveLength(49);
});
