import { describe, expect, it } from 'vitest';
import { derive, newVersion, oldVersion } from '../../src/core/derive.js';
import type { Plan } from '../../src/core/plan.js';
import { fold } from '../../src/core/rotation.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { aJournal, done, passed, stateAfter } from '../support/journal.js';
import { aPlan, ableCapabilities } from '../support/plans.js';

const old = { version: 4, identity: 'app_a', digest: 'd', createdBy: null, accepted: true };
const staged = [
  ...passed('preflight', { old, previous: null, system: 's' }),
  ...done('create'),
  ...done('stage', { version: 5, digest: 'e' }),
];

function derived(
  events: readonly RotationEvent[],
  before: readonly RotationEvent[] = staged,
  plan: Partial<Plan> = {},
) {
  return derive(stateAfter(before, plan), events, 7).derived;
}

describe('a commit', () => {
  it('comes to the state of the fold', () => {
    const events = [...staged, ...done('promote')];
    const { state } = derive(stateAfter([]), events, 1);
    const folded = fold(aJournal(aPlan(), events));
    expect(state.seq).toBe(folded.seq);
    expect(Object.entries(state.steps).map(([name, { phase }]) => [name, phase])).toEqual(
      Object.entries(folded.steps).map(([name, { phase }]) => [name, phase]),
    );
  });

  it('moves the current version with promote and swap, and back with their undo', () => {
    for (const step of ['promote', 'swap']) {
      expect(derived(done(step)).currentVersion).toBe(5);
      expect(derived([{ kind: 'UndoDone', step, tookMs: 1 }]).currentVersion).toBe(4);
    }
    expect(derived(done('create')).currentVersion).toBeUndefined();
  });

  it('says nothing of the current version where a step is taken back that the journal never meant', () => {
    const entered: RotationEvent = { kind: 'EraEntered', era: 2 };
    for (const step of ['promote', 'swap']) {
      const back: RotationEvent = { kind: 'UndoDone', step, tookMs: 1 };
      expect(derived([back], [...staged, entered]).currentVersion).toBeUndefined();
      expect(derived([back], [...staged, ...done(step), entered]).currentVersion).toBe(4);
      expect(derived(done(step), [...staged, entered]).currentVersion).toBe(5);
    }
  });

  it('takes the current version away where there was none before', () => {
    const before = [
      ...passed('preflight', { old: null, previous: null, system: 's' }),
      ...done('stage', { version: 1, digest: 'e' }),
    ];
    expect(derived([{ kind: 'UndoDone', step: 'promote', tookMs: 1 }], before).currentVersion).toBeNull();
  });

  it('knows of a token at the target once it was raised or created, where the target can fence', () => {
    const unfenced = { capabilities: { ...ableCapabilities, fence: false } };
    expect(derived([{ kind: 'FenceRaised' }]).fenced).toBe(true);
    expect(derived(done('create')).fenced).toBe(true);
    expect(derived(done('swap')).fenced).toBe(true);
    expect(derived(done('stage')).fenced).toBe(false);
    expect(derived(done('create'), staged, unfenced).fenced).toBe(false);
    expect(derived([{ kind: 'FenceRaised' }], staged, unfenced).fenced).toBe(false);
  });

  it('tells webhooks with the version that consumers should be on', () => {
    expect(derived([{ kind: 'GateOpened', step: 'canary' }]).webhooks).toEqual([
      { type: 'rotation.canary', version: 5, code: null },
    ]);
    expect(derived(done('promote')).webhooks).toEqual([{ type: 'rotation.promoted', version: 5, code: null }]);
    const promoted = [...staged, ...done('promote')];
    expect(derived([{ kind: 'RotationClosed', status: 'completed' }], promoted).webhooks).toEqual([
      { type: 'rotation.completed', version: 5, code: null },
    ]);
    expect(
      derived([
        { kind: 'RollbackDecided', code: 'CONSUMER_REFUSED', facts: {} },
        { kind: 'UndoDone', step: 'promote', tookMs: 1 },
      ]).webhooks,
    ).toEqual([{ type: 'rotation.rolled_back', version: 4, code: 'CONSUMER_REFUSED' }]);
  });

  it.each([
    ['before promote the old one', staged, 4],
    ['after promote the new one', [...staged, ...done('promote')], 5],
    ['after swap the new one', [...staged, ...done('swap')], 5],
    [
      'after the label went back the old one',
      [...staged, ...done('promote'), { kind: 'UndoDone', step: 'promote', tookMs: 1 } as const],
      4,
    ],
  ])('that parks tells which version is current: %s', (_, before, version) => {
    expect(derived([{ kind: 'Parked', code: 'HELD', facts: {} }], before).webhooks).toEqual([
      { type: 'rotation.parked', version, code: 'HELD' },
    ]);
  });

  it('counts how long steps and their undo took', () => {
    expect(derived([...done('promote'), { kind: 'UndoDone', step: 'promote', tookMs: 9 }]).steps).toEqual([
      { step: 'promote', tookMs: 5 },
      { step: 'undo promote', tookMs: 9 },
    ]);
  });

  it('counts a rotation once it is closed', () => {
    expect(derived([{ kind: 'RotationClosed', status: 'cancelled' }]).closed).toEqual({
      workflow: 'staged-rotation',
      trigger: 'demand',
      outcome: 'cancelled',
    });
    expect(derived(done('promote')).closed).toBeNull();
  });

  it('names the step with an open intent, else the open gate, else the last', () => {
    expect(derived([{ kind: 'StepIntended', step: 'promote', attempt: 1 }]).step).toBe('promote');
    expect(derived([{ kind: 'GateOpened', step: 'canary' }]).step).toBe('canary');
    expect(derived(done('promote')).step).toBe('promote');
    expect(derived([], []).step).toBe('');
    const turned = [...staged, { kind: 'GateOpened', step: 'canary' } as const, ...done('promote')];
    expect(derived([{ kind: 'UndoIntended', step: 'create', attempt: 1 }], turned).step).toBe('create');
    expect(derived([], turned).step).toBe('canary');
  });

  it('keeps the reason of a rotation that goes back or is parked', () => {
    expect(derived([{ kind: 'Parked', code: 'HELD', facts: {} }])).toMatchObject({ status: 'parked', code: 'HELD' });
    expect(derived([{ kind: 'RollbackDecided', code: 'CANCELLED', facts: {} }])).toMatchObject({
      status: 'rolling_back',
      code: 'CANCELLED',
    });
    expect(derived(done('promote'))).toMatchObject({ status: 'running', code: null });
  });
});

describe('the versions', () => {
  it('are those of stage and preflight', () => {
    const state = stateAfter(staged);
    expect([newVersion(state), oldVersion(state)]).toEqual([5, 4]);
  });

  it('are null before those steps, and where they said nothing of the kind', () => {
    expect([newVersion(stateAfter([])), oldVersion(stateAfter([]))]).toEqual([null, null]);
    const odd = stateAfter([...passed('preflight', 'text'), ...done('stage', { version: 'five' })]);
    expect([newVersion(odd), oldVersion(odd)]).toEqual([null, null]);
  });
});
