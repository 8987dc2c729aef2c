import { type Drain, type DrainFacts, type Gate, type Preflight, type Steps, judgeDrain } from 'keyturn/workflow';
import { challenge } from './consumers.js';
import type { Created } from './create.js';
import { expected, logInWithListed, lookAtNew, lookAtOld } from './evidence.js';
import type { Promoted } from './promote.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';

interface Before {
  readonly preflight: Preflight;
  readonly propose: Proposed;
  readonly create: Created;
  readonly stage: Staged;
  readonly promote: Promoted;
}

/** Closed by evidence, bounded by policy: required consumers proved, the old one quiet at the target, grace over. */
export const drain: Gate<Before, DrainFacts, Drain> = {
  whenBlind: 'park',
  *observe({ plan, before, moment, previous, rewound }): Steps<DrainFacts> {
    const consumers = yield* challenge(plan, 'drain', before.stage.version, moment.nowMs, previous?.consumers ?? []);
    const seen = yield* lookAtNew(logInWithListed({ plan, before, rewound }));
    const old = yield* lookAtOld(before.preflight.old, previous?.lastOpenedMs ?? null);
    // What a consumer has said since it was asked comes with a change of this: it must not be taken for seen.
    return { ...seen, ...old, consumers, guardSeq: moment.guardSeq };
  },
  judge: ({ plan, before, moment }, facts) =>
    judgeDrain(
      { plan, moment },
      { expected: expected(before), promotedMs: moment.doneMs['promote'] ?? moment.nowMs },
      facts,
    ),
};
