import { type Drain, type Final, type Preflight, guardDestroy } from 'keyturn/workflow';
import { type Destroyed, proveDead } from './destroy.js';
import { expected } from './evidence.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';

interface Before {
  readonly preflight: Preflight;
  readonly propose: Proposed;
  readonly stage: Staged;
  readonly drain: Drain;
}

/** The old value was replaced, so nothing is left to remove; that it is refused everywhere must still be shown. */
export const retire: Final<Before, Destroyed> = {
  touches: [],
  guard: {
    gate: 'drain',
    judge: ({ plan, before, moment }) =>
      guardDestroy({
        plan,
        moment,
        expected: expected(before),
        facts: before.drain,
        consumers: before.drain.consumers,
        disabledMs: null,
        oldAnswers: null,
        again: null,
      }),
  },
  *run({ plan, before, moment }) {
    const { old } = before.preflight;
    if (old === null) return { output: { proof: [] } };
    return { output: { proof: yield* proveDead(plan, old, moment) } };
  },
};
