import type { Act, Final, Gate, Json, Steps } from 'keyturn/workflow';
import { ask, workflow } from 'keyturn/workflow';
import { Secret } from 'keyturn/rotator';

// Bodies of steps that are allowed, so that each line below is wrong in one way only.

const act = {
  touches: [],
  *run(): Steps<{ readonly output: { readonly made: number } }> {
    return { output: { made: 1 } };
  },
  *undo(): Steps<void> {},
} satisfies Act<object, { readonly made: number }>;

const gate: Gate<object, { readonly seen: number }, { readonly seen: number }> = {
  whenBlind: 'undo',
  *observe(): Steps<{ readonly seen: number }> {
    return { seen: 1 };
  },
  judge: (_, facts) => ({ kind: 'pass', output: facts }),
};

const final: Final<{ readonly look: { readonly seen: number } }, null> = {
  touches: [],
  guard: { gate: 'look', judge: () => ({ kind: 'pass', notBeforeMs: 0, notAfterMs: 0 }) },
  *run() {
    return { output: null };
  },
};

/** What is allowed compiles; without it the refusals below would prove nothing. */
export const allowed = workflow('allowed', 1)
  .gate('look', gate)
  .act('make', act)
  .act('read', {
    ...act,
    *run({ before }) {
      return { output: { made: before.make.made + before.look.seen } };
    },
  })
  .final('end', final)
  .done();

// What a step hands on

export const secretOutput = workflow('w', 1).act('make', {
  ...act,
  // @ts-expect-error a Secret as a step's output would stand in the journal
  *run() {
    return { output: Secret.fromText('value') };
  },
});

export const hiddenSecret = workflow('w', 1).act('make', {
  ...act,
  // @ts-expect-error a Secret inside a step's output would stand in the journal
  *run() {
    return { output: { login: { value: Secret.fromText('value') } } };
  },
});

export const textSealed: Act<object, null> = {
  ...act,
  // @ts-expect-error what is sealed is a Secret, never the text of one
  *run() {
    return { output: null, seal: { new: 'value' } };
  },
};

export const secretVerdict: Gate<object, null, Json> = {
  whenBlind: 'undo',
  *observe() {
    return null;
  },
  // @ts-expect-error a gate that judges to a Secret would hand it on through the journal
  judge: () => ({ kind: 'pass', output: Secret.fromText('value') }),
};

export const secretFacts: Gate<object, Json, null> = {
  whenBlind: 'undo',
  // @ts-expect-error a gate that saw a Secret would keep it in its facts
  *observe() {
    return Secret.fromText('value');
  },
  judge: () => ({ kind: 'pass', output: null }),
};

// The order and the shape of steps

// @ts-expect-error an act without an undo has no way back
export const noUndo = workflow('w', 1).act('make', { touches: [], run: act.run });

// @ts-expect-error an act after a final would have to be undone when nothing can be
export const actAfterFinal = workflow('w', 1).gate('look', gate).final('end', final).act('make', act);

// @ts-expect-error a gate after a final could still turn the rotation back
export const gateAfterFinal = workflow('w', 1).gate('look', gate).final('end', final).gate('again', gate);

// @ts-expect-error a workflow without a final never ends: only what has one is done
export const unfinished = workflow('w', 1).gate('look', gate).done();

// @ts-expect-error a final without a guard would destroy unasked
export const unguarded = workflow('w', 1).gate('look', gate).final('end', { touches: [], run: final.run });

export const unknownGate = workflow('w', 1)
  .gate('look', gate)
  .act('make', {
    ...act,
    // @ts-expect-error a guard relies on a gate that has not happened before its step
    guard: { gate: 'later', judge: () => ({ kind: 'pass', notBeforeMs: 0, notAfterMs: 0 }) },
  });

// @ts-expect-error a step name used twice: the second would answer for the first in the journal
export const twice = workflow('w', 1).act('make', act).act('make', act);

// @ts-expect-error a step name used twice, by a gate and an act
export const twiceByKind = workflow('w', 1).gate('make', gate).act('make', act);

export const tooEarly = workflow('w', 1)
  .act('read', {
    ...act,
    *run({ before }) {
      // @ts-expect-error reading a step that has not happened yet
      return { output: { made: before.make.made } };
    },
  })
  .act('make', act);

export const undoTooEarly = workflow('w', 1).act('make', {
  ...act,
  *undo({ before }) {
    // @ts-expect-error an undo reading a later step, which has not happened either
    yield* ask('store', 'retirePending', before.stage.version);
  },
});

export const wrongField = workflow('w', 1)
  .act('make', act)
  .act('read', {
    ...act,
    *run({ before }) {
      // @ts-expect-error reading a field that the step before did not hand on
      return { output: { made: before.make.mode } };
    },
  });

// Time and promises

export const awaiting: Act<object, null> = {
  ...act,
  // @ts-expect-error awaiting in a step: its run is a generator of questions, never async
  async *run() {
    await Promise.resolve();
    return { output: null };
  },
};

export const promising: Act<object, null> = {
  ...act,
  // @ts-expect-error a step that returns a promise has no questions the engine could answer
  run: () => Promise.resolve({ output: null }),
};
