import {
  type Canary,
  type CanaryFacts,
  type Gate,
  type Steps,
  canaryLacking,
  everywhere,
  judgeCanary,
} from 'keyturn/workflow';
import { lookAtChecks } from './checks.js';
import { challenge } from './consumers.js';
import type { Created } from './create.js';
import { logInWithListed } from './evidence.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';

interface Before {
  readonly propose: Proposed;
  readonly create: Created;
  readonly stage: Staged;
}

/**
 * A fresh login by us on every endpoint; then the canary consumers try the pending version and prove it; then soak, and
 * meanwhile ask the checks.
 */
export const canary: Gate<Before, CanaryFacts, Canary> = {
  whenBlind: 'undo',
  *observe({ plan, before, moment, previous, rewound }): Steps<CanaryFacts> {
    const answers = yield* logInWithListed({ plan, before, rewound });
    const isIn = everywhere(answers, 'accepted');
    // Nobody else tries what has not worked for us.
    const consumers = isIn
      ? yield* challenge(plan, 'canary', before.stage.version, moment.nowMs, previous?.consumers ?? [])
      : [];
    const isTried = isIn && canaryLacking(plan, consumers) === undefined;
    const checks = yield* lookAtChecks(plan, isTried, { previous: previous?.checks ?? [], atMs: moment.nowMs });
    // Opened again it finds what it has handed on in place of facts, and begins anew.
    const beganMs = previous?.beganMs ?? moment.nowMs;
    const wellSinceMs = previous?.wellSinceMs ?? null;
    const wellMs = previous?.wellMs ?? 0;
    return { atMs: moment.nowMs, answers, consumers, checks, wellSinceMs, wellMs, beganMs };
  },
  judge: judgeCanary,
};
