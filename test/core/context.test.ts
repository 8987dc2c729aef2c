import { describe, expect, it } from 'vitest';
import { contextOf } from '../../src/core/context.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { type Written, done, stateAfter } from '../support/journal.js';
import { facts, rollback } from './small-workflow.js';

const toldAfter = (events: readonly (RotationEvent | Written)[]) => contextOf(stateAfter(events), facts(), 'off');
const opened: RotationEvent = { kind: 'GateOpened', step: 'drain' };
const waiting: RotationEvent = {
  kind: 'GateWaiting',
  step: 'drain',
  facts: { sessions: 2 },
  why: 'not quiet',
  againInMs: 5,
};

describe('what a step is told', () => {
  it('is what the steps before it hand on', () => {
    expect(toldAfter(done('make', { identity: 'a' })).before).toEqual({ make: { identity: 'a' } });
  });

  it('is never what an open gate has only seen, on the way back as little as forwards', () => {
    const seen = [...done('make'), opened, waiting];
    expect(Object.keys(toldAfter(seen).before)).toEqual(['make']);
    expect(Object.keys(toldAfter([...seen, rollback]).before)).toEqual(['make']);
  });

  it('is whether the database has forgotten part of the rotation', () => {
    expect(toldAfter(done('make')).rewound).toBe(false);
    const entered: Written = { event: { kind: 'EraEntered', era: 2 }, epoch: 2 };
    expect(toldAfter([...done('make'), entered]).rewound).toBe(true);
  });
});
