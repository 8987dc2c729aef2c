import { expect, test } from 'vitest';
import { planFor, ttlMs } from '../../../src/testing/journal-harness.js';
import { type State, freshState, harnessOf } from './state.js';
import { inTheMiddle, waiting } from './waiting.js';

const main = { environment: 'prod', target: 'main' };

/** A target with one place left, by its bound or by its breaker. */
const oneLeft: readonly (readonly [string, 'full' | 'broken', (state: State) => Promise<void>])[] = [
  ['takes one rotation at a time', 'full', async (state) => harnessOf(state).bound({ ...main, concurrency: 1 })],
  [
    'is asked by one to see whether it is back',
    'broken',
    async (state) => {
      for (let failure = 0; failure < 5; failure += 1) await state.leases.report(main, 'unreachable');
      await harnessOf(state).pass(60_000);
    },
  ],
];

test.each(oneLeft)('of two that come at once to a target that %s, one is %s', async (_, refused, prepare) => {
  const state = await freshState();
  await state.intake.accept(planFor('one'), []);
  await state.intake.accept(planFor('two'), []);
  await prepare(state);
  const client = await inTheMiddle(state);
  await client.query('SELECT FROM keyturn.targets FOR NO KEY UPDATE');

  const both = ['one', 'two'].map(async (name) =>
    state.leases.acquire({ rotationId: `${name}-1`, holder: `worker-${name}`, ttlMs }),
  );
  await waiting(state, 2);
  await client.query('COMMIT');

  expect((await Promise.all(both)).map(({ kind }) => kind).sort()).toEqual(['granted', refused].sort());
});
