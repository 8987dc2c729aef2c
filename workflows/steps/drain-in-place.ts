import { type Drain, type DrainFacts, type Gate, type Preflight, type Steps, judgeDrain } from 'keyturn/workflow';
import { challenge } from './consumers.js';
import { expected, logInWithNew, lookAtNew } from './evidence.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';
import type { Swapped } from './swap.js';

interface Before {
  readonly preflight: Preflight;
  readonly propose: Proposed;
  readonly stage: Staged;
  readonly swap: Swapped;
}

/** The old value died with the swap: what is left to ask is whether everybody holds the new one. */
export const drainInPlace: Gate<Before, DrainFacts, Drain> = {
  whenBlind: 'park',
  *observe({ plan, before, moment, previous }): Steps<DrainFacts> {
    const consumers = yield* challenge(plan, 'drain', before.stage.version, moment.nowMs, previous?.consumers ?? []);
    const seen = yield* lookAtNew(logInWithNew(plan, before.swap.identity));
    return { ...seen, consumers, usage: null, lastOpenedMs: null };
  },
  judge: ({ plan, before, moment }, facts) =>
    judgeDrain(
      { plan, moment },
      { expected: expected(before), promotedMs: moment.doneMs['swap'] ?? moment.nowMs },
      facts,
    ),
};
