import {
  type Drain,
  type EndpointAnswer,
  type Final,
  type Moment,
  type OldCredential,
  type Plan,
  type Preflight,
  type Steps,
  type Watch,
  ask,
  deadEverywhere,
  guardDestroy,
  keyturnError,
  whereAnswered,
} from 'keyturn/workflow';
import { assertApart } from './apart.js';
import type { Created } from './create.js';
import type { Disabled } from './disable.js';
import { expected } from './evidence.js';
import { openStored } from './named.js';
import { stillAlive } from './still-alive.js';
import type { Promoted } from './promote.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';

interface Before {
  readonly preflight: Preflight;
  readonly propose: Proposed;
  readonly create: Created;
  readonly stage: Staged;
  readonly promote: Promoted;
  readonly drain: Drain;
  readonly disable: Disabled;
  readonly watch: Watch;
}

/** What destroy hands on: the proof. */
export type Destroyed = {
  /** What a login with the old credential was answered on every endpoint after it was destroyed; []: there was none. */
  readonly proof: readonly EndpointAnswer[];
};

/**
 * The old credential is removed, and a login with it must be refused: only then is the rotation complete. A label that
 * a person has moved meanwhile stops it: who moved it may want the old one.
 */
export const destroy: Final<Before, Destroyed> = {
  touches: ['target'],
  guard: {
    gate: 'watch',
    judge: ({ plan, before, moment }) =>
      guardDestroy({
        plan,
        moment,
        expected: expected(before),
        facts: before.watch,
        consumers: before.drain.consumers,
        disabledMs: moment.doneMs['disable'] ?? moment.nowMs,
        oldAnswers: before.watch.oldAnswers,
        again: before.watch.again,
      }),
  },
  *run({ plan, before, moment }) {
    const { old } = before.preflight;
    if (old === null) return { output: { proof: [] } };
    if (old.createdBy === null && !plan.adopted)
      throw keyturnError('NOT_OURS', { identity: old.identity, target: plan.target });
    assertApart(plan, old, before.create);
    // The gate's last questions to the target may have taken long, and a repetition comes later still.
    const current = yield* ask('store', 'read', 'current');
    if (current?.digest !== before.stage.digest) throw keyturnError('ALIAS_MOVED', { secret: plan.path });
    yield* ask('target', 'destroy', old.identity, { createdBy: old.createdBy });
    return { output: { proof: yield* proveDead(plan, old, moment) } };
  },
};

/** A login with the old credential on every endpoint, all of which must turn it away. */
export function* proveDead(plan: Plan, old: OldCredential, moment: Moment): Steps<readonly EndpointAnswer[]> {
  const answers = yield* ask('target', 'probe', yield* openStored(plan, old.version));
  const alive = whereAnswered(answers, 'accepted');
  if (alive !== undefined) throw stillAlive(plan, moment, alive.endpoint, 'OLD_STILL_ALIVE');
  if (!deadEverywhere(answers)) {
    throw keyturnError('TARGET_UNREACHABLE', {
      target: plan.target,
      endpoint: whereAnswered(answers, 'unknown')?.endpoint ?? '?',
    });
  }
  return answers;
}
