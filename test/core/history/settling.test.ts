import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../../src/core/capabilities.js';
import type { Plan } from '../../../src/core/plan.js';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import { Journal, judge, staged } from './wrong-journal.js';

const rolledBack = Journal.of('staged-rotation-1-rolled-back');
const settleMs = 5_000;

const able = (change: Partial<Capabilities>) => (plan: Plan) => ({ capabilities: { ...plan.capabilities, ...change } });
const slowStore = () => ({ storeSettleMs: settleMs });
const slowTarget = able({ fence: false, settleMs });
const slowProvider = able({ fence: false, settleMs, origin: 'provider' });

/** An executor means a step and is never heard of again; the next means it again so much later. */
function repeated(step: string, afterMs: number): Journal {
  const meant = staged.at('StepIntended', step);
  return staged
    .after(meant, { ...staged.events[meant]!.event, attempt: 2 } as RotationEvent)
    .handedOver(meant + 1)
    .later(0, -afterMs)
    .later(meant + 1, afterMs);
}

/** The same, and the next executor turns back. */
function leftBehind(step: string, afterMs: number): Journal {
  const meant = rolledBack.at('StepIntended', step);
  const turned = rolledBack.at('RollbackDecided');
  // Nothing was done after it: what is not touched is not taken back.
  const never = rolledBack.events
    .slice(meant + 1, turned)
    .flatMap(({ event }) => ('step' in event ? [event.step] : []));
  const journal = new Journal(
    rolledBack.events
      .filter((_, index) => index <= meant || index >= turned)
      .filter(
        ({ event }) =>
          !(event.kind.startsWith('Undo') && 'step' in event && event.step !== step && never.includes(event.step)),
      )
      .map((each, index) => ({ ...each, seq: index + 1 })),
  );
  return journal.handedOver(meant + 1).later(meant + 1, afterMs);
}

/** No fence is raised at a target that has none. */
const unfenced = (journal: Journal): Journal => journal.drop(journal.at('FenceRaised'));
const lastly = (journal: Journal, ms: number): Journal => journal.later(journal.events.length - 1, ms);
/** It is taken back once more, so much later and right before the end. */
function again(journal: Journal, step: string, laterMs: number): Journal {
  const end = journal.events.length - 1;
  const undo: readonly RotationEvent[] = [
    { kind: 'UndoIntended', step, attempt: 2 },
    { kind: 'UndoDone', step, tookMs: 0 },
  ];
  return journal.after(end - 1, ...undo).later(end, laterMs);
}

describe('what an executor left behind at the store', () => {
  it('keeps a rotation open until the store has settled', () => {
    const completed = repeated('promote', 0);
    const { atMs } = completed.events[completed.at('StepIntended', 'promote')]!;
    const lifeMs = completed.events.at(-1)!.atMs - atMs;

    expect(judge(completed)).toEqual([]);
    expect(judge(completed.planned(() => ({ storeSettleMs: lifeMs + 1 })))).toEqual([
      'I4 it is closed and promote of epoch 2 may still happen',
    ]);
    expect(judge(completed.planned(() => ({ storeSettleMs: lifeMs })))).toEqual([]);
  });

  it('has nothing to do with what was left behind elsewhere', () => {
    const elsewhere = repeated('create', 1).planned(able({ fence: false }));

    expect(judge(elsewhere.planned(() => ({ storeSettleMs: Number.MAX_SAFE_INTEGER })))).toEqual([]);
  });

  it('is taken back again after the store has settled', () => {
    const early = lastly(leftBehind('promote', settleMs - 1).planned(slowStore), 1);

    expect(judge(early)).toEqual(['I4 promote was not taken back again after it could no longer happen']);
    expect(judge(leftBehind('promote', settleMs).planned(slowStore))).toEqual([]);
    expect(judge(lastly(leftBehind('promote', settleMs - 1), 1))).toEqual([]);
  });

  it('is taken back at once and again, because that takes nothing from anybody', () => {
    const early = leftBehind('promote', 1).planned(slowStore);

    expect(judge(again(early, 'promote', settleMs - 1))).toEqual([]);
    expect(judge(again(early, 'promote', settleMs - 2))).toEqual([
      'I4 it is closed and promote of epoch 1 may still happen',
      'I4 promote was not taken back again after it could no longer happen',
    ]);
    const staging = again(leftBehind('stage', 1).planned(slowStore), 'stage', settleMs - 1);
    expect(judge(staging)).toEqual([]);
  });

  it('is not waited for where a write is there at once, whatever the clock of the next executor says', () => {
    expect(judge(leftBehind('promote', 0))).toEqual([]);
    expect(judge(leftBehind('promote', -10))).toEqual([]);
  });
});

it('what an executor left behind at a target that can fence is settled by a raised fence, and by nothing else', () => {
  const takenOver = Journal.of('staged-rotation-1-taken-over');

  expect(judge(takenOver.planned(able({ settleMs: Number.MAX_SAFE_INTEGER })))).toEqual([]);
  expect(judge(repeated('create', 1))).toContain('I4 it is closed and create of epoch 1 may still happen');
});

describe('what an executor left behind at a target that cannot fence', () => {
  it('is repeated at once where the value is ours', () => {
    expect(judge(repeated('create', 1).planned(slowTarget))).toEqual([]);
  });

  it('is not repeated where a provider makes another key each time, before the first can no longer come', () => {
    expect(judge(repeated('create', settleMs - 1).planned(slowProvider))).toEqual([
      'I11 create is repeated while an older request may still happen',
    ]);
    expect(judge(repeated('create', settleMs).planned(slowProvider))).toEqual([]);
    expect(judge(repeated('stage', 1).planned(slowProvider))).toEqual([]);
  });

  it('is not destroyed before it can no longer come', () => {
    const early = unfenced(leftBehind('create', settleMs - 1)).planned(slowTarget);

    expect(judge(again(early, 'create', 1))).toEqual(['I11 create is taken back while it may still happen']);
    expect(judge(unfenced(leftBehind('create', settleMs)).planned(slowTarget))).toEqual([]);
  });

  it('is switched on again at once, and again when it can no longer be switched off', () => {
    const disabling = staged.at('StepIntended', 'disable');
    const { atMs, epoch } = staged.events[disabling]!;
    const turned = rolledBack.events.slice(rolledBack.at('RollbackDecided'));
    const back = unfenced(new Journal([...staged.events.slice(0, disabling + 1), ...turned]));
    const decided = back.at('RollbackDecided');
    const early = new Journal(back.events.map((each, at) => (at < decided ? each : { ...each, atMs: atMs + 1, epoch })))
      .handedOver(decided)
      .after(
        decided,
        { kind: 'UndoIntended', step: 'disable', attempt: 1 },
        { kind: 'UndoDone', step: 'disable', tookMs: 0 },
      )
      .planned(slowTarget);

    expect(judge(again(early, 'disable', settleMs - 1))).toEqual([]);
    expect(judge(early.later(early.events.length - 1, settleMs))).toEqual([
      'I4 disable was not taken back again after it could no longer happen',
    ]);
  });
});
