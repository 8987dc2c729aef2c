import { type Gate, type Preflight, type Steps, type Watch, type WatchFacts, ask, judgeWatch } from 'keyturn/workflow';
import type { Created } from './create.js';
import type { Disabled } from './disable.js';
import { expected, lookAtNew } from './evidence.js';
import { openStored } from './named.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';

interface Before {
  readonly preflight: Preflight;
  readonly propose: Proposed;
  readonly create: Created;
  readonly stage: Staged;
  readonly disable: Disabled;
}

/** The old credential is off and can be switched on again: does everything still work without it? */
export const watch: Gate<Before, WatchFacts, Watch> = {
  whenBlind: 'park',
  *observe({ plan, before }): Steps<WatchFacts> {
    const { old } = before.preflight;
    const seen = yield* lookAtNew(plan, before.create.identity);
    if (old === null || before.disable.skipped !== null) return { ...seen, oldAnswers: null };
    return { ...seen, oldAnswers: yield* ask('target', 'probe', yield* openStored(plan, old.version)) };
  },
  judge: ({ plan, before, moment }, facts) =>
    judgeWatch(
      { plan, moment },
      { expected: expected(before), disabledMs: moment.doneMs['disable'] ?? moment.nowMs },
      facts,
    ),
};
