import {
  type Drain,
  type Gate,
  type Preflight,
  type Steps,
  type Watch,
  type WatchFacts,
  judgeWatch,
} from 'keyturn/workflow';
import { challenge } from './consumers.js';
import type { Created } from './create.js';
import type { Disabled } from './disable.js';
import { expected, logInWithListed, lookAtNew, lookAtOld } from './evidence.js';
import type { Proposed } from './propose.js';
import { lookAtOff } from './refused-logins.js';
import type { Staged } from './stage.js';

interface Before {
  readonly preflight: Preflight;
  readonly propose: Proposed;
  readonly create: Created;
  readonly stage: Staged;
  readonly drain: Drain;
  readonly disable: Disabled;
}

/** The old credential is off and can be switched on again: does everything still work without it? */
export const watch: Gate<Before, WatchFacts, Watch> = {
  whenBlind: 'park',
  *observe({ plan, before, moment, previous, rewound }): Steps<WatchFacts> {
    const { old } = before.preflight;
    const blind = old !== null && before.disable.skipped !== null;
    // Whoever has proved is asked again: who cannot work without the old credential finds that out only now.
    const asked = previous?.consumers ?? previous?.again?.consumers ?? before.drain.consumers;
    const consumers = yield* challenge(plan, 'drain', before.stage.version, moment.nowMs, asked);
    const looked = yield* lookAtNew(logInWithListed({ plan, before, rewound }));
    // What a consumer has said since it was asked comes with a change of the sequence: it must not be taken for seen.
    const seen = { ...looked, consumers, guardSeq: moment.guardSeq };
    if (old === null) return { ...seen, oldAnswers: null, again: null };
    if (blind) {
      const { usage, lastOpenedMs } = yield* lookAtOld(old, previous?.again?.lastOpenedMs ?? null);
      return { ...seen, oldAnswers: null, again: { atMs: seen.atMs, consumers, usage, lastOpenedMs } };
    }
    const isOver = seen.atMs - (moment.doneMs['disable'] ?? 0) >= plan.policy.watchMs;
    const sight = yield* lookAtOff(plan, old, {
      previous,
      mark: before.disable.mark ?? null,
      openedMs: moment.openedMs,
      atMs: seen.atMs,
      isLast: isOver && !moment.held,
    });
    return { ...seen, ...sight, again: null };
  },
  judge: ({ plan, before, moment }, facts) =>
    judgeWatch(
      { plan, moment },
      { expected: expected(before), disabledMs: moment.doneMs['disable'] ?? moment.nowMs },
      facts,
    ),
};
