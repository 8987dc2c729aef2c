import { type Canary, type CanaryFacts, type Gate, type Steps, ask, everywhere, judgeCanary } from 'keyturn/workflow';
import { challenge } from './consumers.js';
import { openNew } from './named.js';
import type { Created } from './create.js';
import type { Staged } from './stage.js';

/** A fresh login by us on every endpoint; then the canary consumers try the pending version and prove it; then soak. */
export const canary: Gate<{ readonly create: Created; readonly stage: Staged }, CanaryFacts, Canary> = {
  whenBlind: 'undo',
  *observe({ plan, before, moment, previous }): Steps<CanaryFacts> {
    const answers = yield* ask('target', 'verify', yield* openNew(plan, before.create.identity));
    // Nobody else tries what has not worked for us.
    const consumers = everywhere(answers, 'accepted')
      ? yield* challenge(plan, 'canary', before.stage.version, moment.nowMs, previous?.consumers ?? [])
      : [];
    // Opened again it finds what it has handed on in place of facts, and begins anew.
    const beganMs = previous?.beganMs ?? moment.nowMs;
    return { atMs: moment.nowMs, answers, consumers, wellSinceMs: previous?.wellSinceMs ?? null, beganMs };
  },
  judge: judgeCanary,
};
