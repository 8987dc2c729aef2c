import { readFileSync, readdirSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { Executor, planFor, ttlMs } from '../../../src/testing/journal-harness.js';
import { freshState, harnessOf } from './state.js';

const hourMs = 3_600_000;
const folder = new URL('../../../src/adapters/postgres/', import.meta.url);

afterEach(() => {
  vi.useRealTimers();
});

test('no file of the state database reads a clock', () => {
  const reads = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .filter((name) =>
      /\bDate\b|performance|hrtime|setTimeout|setInterval/.test(readFileSync(new URL(name, folder), 'utf8')),
    );

  expect(reads).toEqual([]);
});

test.each([-87_600 * hourMs, -hourMs, hourMs, 87_600 * hourMs])(
  'a worker whose clock is %i ms off writes and judges by the time of the database',
  async (offMs) => {
    const state = await freshState();
    const harness = harnessOf(state);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + offMs });

    const executor = await Executor.start(harness, planFor('skewed'), 'skewed');
    const { surroundings, atMs } = await executor.commit([{ kind: 'GateOpened', step: 'drain' }], { dueInMs: hourMs });
    const guard = { guardSeq: surroundings.guardSeq, notBeforeMs: 0, notAfterMs: surroundings.nowMs + ttlMs };
    await executor.commit([{ kind: 'StepIntended', step: 'disable', attempt: 1 }], { guard, dueInMs: hourMs });
    await state.operations.hold({ secret: 'prod:/skewed', by: 'local:test', reason: 'a test' });
    const another = await state.leases.acquire({ rotationId: 'skewed-1', holder: 'right', ttlMs });

    expect(another.kind).toBe('busy');
    expect(await harness.sweep.unattended(10, 0)).toEqual([]);
    const { rows } = await state.admin.query(
      `WITH times AS (
         SELECT at FROM keyturn.journal UNION ALL SELECT at FROM keyturn.audit UNION ALL SELECT held_at FROM keyturn.secrets
         UNION ALL SELECT expires_at - interval '60 s' FROM keyturn.leases
         UNION ALL SELECT due_at - interval '1 hour' FROM keyturn.rotations UNION ALL SELECT keyturn.from_ms($1)
       ) SELECT bool_and(at BETWEEN now() - interval '5 minutes' AND now()) AS all_by_the_database FROM times`,
      [atMs],
    );
    expect(rows).toEqual([{ all_by_the_database: true }]);
  },
);
