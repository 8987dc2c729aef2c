import { expect, test } from 'vitest';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { Executor, planFor } from '../../src/testing/journal-harness.js';
import { freshState, harnessOf } from '../adapters/postgres/state.js';
import { aConsumer } from '../support/evidence.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn } from './keyturn.js';

const waits: RotationEvent = { kind: 'GateWaiting', step: 'canary', facts: {}, why: 'no proof', againInMs: 1_000 };

/** A rotation that waits in its canary, for `web` that goes first; `job` need not. */
async function inCanary(name: string) {
  const state = await freshState();
  const consumers = [aConsumer({ name: 'web', canary: true }), aConsumer({ name: 'job', canary: false })];
  const executor = await Executor.start(harnessOf(state), { ...planFor(name), consumers });
  await executor.commit([{ kind: 'GateOpened', step: 'canary' }, waits]);
  const options = { cwd: await temporaryFolder(), env: { KEYTURN_DATABASE_URL: state.url } };
  const waive = async (consumer: string) =>
    (await keyturn(['consumers', 'waive', `${name}-1`, consumer, '--reason', 'it sleeps'], options)).stdout;
  return { executor, waive };
}

const drainOnly = 'A waiver counts for drain only: the canary waits for the same as before, and without it turns back.';

test('a waiver of a consumer that goes first says that the canary is not helped by it', async () => {
  const { executor, waive } = await inCanary('first');

  expect(await waive('web')).toMatch(/^Once promoted, .*; a refusal still turns it back\. A waiver/);
  expect(await waive('web')).toContain(drainOnly);
  expect(await waive('job')).not.toContain(drainOnly);

  await executor.commit([{ kind: 'StepDone', step: 'canary', output: { verifiedMs: 1 }, tookMs: 1 }]);
  expect(await waive('web')).not.toContain(drainOnly);
}, 120_000);

test('where it turns back already, nothing is said of the canary', async () => {
  const { executor, waive } = await inCanary('back');
  await executor.commit([{ kind: 'RollbackDecided', code: 'CANCELLED', facts: { by: 'local:me' } }]);

  expect(await waive('web')).not.toContain(drainOnly);
}, 120_000);
