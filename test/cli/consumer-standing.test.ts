import { expect, test } from 'vitest';
import { consumersOf } from '../../src/cli/consumer-standing.js';
import type { ConsumerFact } from '../../src/core/canary.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { planFor } from '../../src/testing/journal-harness.js';

const plan = {
  ...planFor('told'),
  consumers: [
    { name: 'web', url: 'https://web.example', canary: true, required: true, cacheTtlMs: 0 },
    { name: 'job', url: 'https://job.example', canary: false, required: true, cacheTtlMs: 0 },
  ],
};

/** A journal in which each event was committed a second after the one before. */
const journal = (...events: readonly RotationEvent[]) =>
  [{ kind: 'RotationRequested', plan } as const, ...events].map((event, index) => ({
    seq: index + 1,
    atMs: (index + 1) * 1_000,
    epoch: 1,
    event,
  }));

const said = (consumer: string, sinceMs: number, answer: ConsumerFact['answer'] = 'proved'): ConsumerFact => ({
  consumer,
  instance: `${consumer}-1`,
  answer,
  reason: '',
  atMs: sinceMs,
  sinceMs,
});

const waits = (step: string, ...consumers: readonly ConsumerFact[]): RotationEvent => ({
  kind: 'GateWaiting',
  step,
  facts: { consumers },
  why: 'no proof',
  againInMs: 1,
});

const done = (step: string): RotationEvent => ({ kind: 'StepDone', step, output: {}, tookMs: 1 });

test('before the promotion a proof is one of the pending version, and counts no more after it', () => {
  const before = journal(waits('canary', said('web', 1_500)));
  expect(consumersOf(before, []).map(({ instances }) => instances)).toEqual([
    [{ instance: 'web-1', answer: 'proved', reason: '', sinceMs: 1_500, propagationMs: null }],
    [],
  ]);

  const promoted = journal(waits('canary', said('web', 1_500)), done('promote'));
  expect(consumersOf(promoted, []).flatMap(({ instances }) => instances)).toEqual([]);
});

test('how long after the promotion each instance has proved is told, and the newest look counts', () => {
  const events = journal(
    done('promote'),
    waits('drain', said('web', 2_400), said('job', 2_400, 'pending')),
    waits('drain', said('web', 2_400), said('job', 3_900)),
    { kind: 'GateWaiting', step: 'drain', facts: {}, why: 'grace', againInMs: 1 },
  );

  const standing = consumersOf(events, [{ consumer: 'job', by: 'local:me', reason: 'it sleeps', atMs: 3_000 }]);

  expect(standing.map(({ instances }) => instances[0]?.propagationMs)).toEqual([400, 1_900]);
  expect(standing.map(({ waiver }) => waiver?.by ?? null)).toEqual([null, 'local:me']);
});

test.each(['CANARY_REFUSED', 'CONSUMER_REFUSED'] as const)(
  'who has refused with %s is shown, with the reason',
  (code) => {
    const events = journal(waits('canary', said('web', 1_500, 'pending'), said('job', 1_500)), {
      kind: 'RollbackDecided',
      code,
      facts: { consumer: 'web', finding: 'login refused' },
    });

    expect(
      consumersOf(events, []).map(({ instances }) => instances.map(({ answer, reason }) => [answer, reason])),
    ).toEqual([[['refused', 'login refused']], [['proved', '']]]);
  },
);
