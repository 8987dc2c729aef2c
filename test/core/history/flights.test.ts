import { expect, it } from 'vitest';
import type { Plan } from '../../../src/core/plan.js';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import { Journal, judge, staged } from './wrong-journal.js';

// A life without evidence, which would have to be as young as it.
const brief = (
  rotationId: string,
  at: { readonly laterMs: number; readonly epoch: number },
  plan: Partial<Plan> = {},
) => {
  const refused: RotationEvent = { kind: 'RollbackDecided', code: 'CURRENT_REFUSED', facts: {} };
  const events: readonly RotationEvent[] = [
    ...staged.events.slice(0, 5).map(({ event }) => event),
    refused,
    { kind: 'UndoIntended', step: 'propose', attempt: 1 },
    { kind: 'UndoDone', step: 'propose', tookMs: 0 },
    { kind: 'RotationClosed', status: 'rolled_back' },
  ];
  const journal = new Journal(
    events.map((event, index) => ({
      seq: index + 1,
      atMs: 1_000_000 + at.laterMs + index,
      epoch: index === 0 ? 0 : at.epoch,
      event,
    })),
  );
  return journal.planned(() => ({ rotationId, ...plan }));
};
const first = brief('r1', { laterMs: 0, epoch: 3 });
const elsewhere = { secret: 'test:/other/db', path: '/other/db' };

it('one after the other is well', () => {
  expect(
    judge(
      first,
      brief('r2', { laterMs: 9, epoch: 4 }),
      brief('r3', { laterMs: 8, epoch: 5 }, { ...elsewhere, principal: 'other' }),
    ),
  ).toEqual([]);
});

it('two at once on one secret are found', () => {
  expect(judge(first, brief('r2', { laterMs: 7, epoch: 4 }))).toEqual(['I8 test:/billing/db was being rotated by r1']);
});

it('two at once on one principal are found', () => {
  expect(judge(first, brief('r2', { laterMs: 5, epoch: 4 }, elsewhere))).toEqual([
    'I8 its principal was at work in r1',
  ]);
});

it('a rotation beside one that never ended is found', () => {
  const open = new Journal(first.events.slice(0, -1));

  expect(judge(open, brief('r2', { laterMs: 100, epoch: 4 }))).toEqual(['I8 test:/billing/db was being rotated by r1']);
});

it('an executor that is older than one of an earlier rotation is found', () => {
  expect(judge(first, brief('r2', { laterMs: 100, epoch: 2 }))).toEqual([
    'I9 epoch 2 follows epoch 3 of an earlier rotation',
  ]);
});

it('an epoch in two rotations is found', () => {
  expect(judge(first, brief('r2', { laterMs: 100, epoch: 3 }, elsewhere))).toEqual([
    'I9 epoch 3 has also written in r1',
  ]);
});
