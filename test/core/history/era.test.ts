import { describe, expect, it } from 'vitest';
import type { RotationEvent } from '../../../src/core/rotation-event.js';
import type { Journal } from './wrong-journal.js';
import { judge, staged } from './wrong-journal.js';

const entered: RotationEvent = { kind: 'EraEntered', era: 2 };
const raised: RotationEvent = { kind: 'FenceRaised' };
const looked: readonly RotationEvent[] = [{ kind: 'GateReopened', step: 'drain', why: 'rewound' }];

/** The database was rewound right before the old credential was to be disabled; `then` is what its executor writes first. */
function rewound(...then: readonly RotationEvent[]): Journal {
  const drained = staged.at('StepDone', 'drain');
  return staged.after(drained, entered, ...then);
}

const drain = staged.events[staged.at('StepDone', 'drain')]!.event;

describe('a journal whose database was rewound', () => {
  it('is whole where the fence was raised and the gate looked again', () => {
    expect(judge(rewound(raised, ...looked, drain))).toEqual([]);
  });

  it('is not where a guarded step relies on what was seen before', () => {
    expect(judge(rewound(raised))).toEqual(['I2 disable is meant on what drain saw before the database was rewound']);
  });

  it('is not where the fence was not raised since', () => {
    expect(judge(rewound(...looked, drain))).toContain(
      'I9 disable is meant and the fence was not raised since the database was rewound',
    );
  });

  it('does not enter an era that is no newer', () => {
    expect(judge(rewound(raised, ...looked, drain, entered))).toContain('I9 era 2 follows era 2');
    const later = { event: { era: 2 } };
    expect(judge(rewound(raised, ...looked, drain).change(0, later))).toContain('I9 era 2 follows era 2');
  });
});
