import {
  type Act,
  type Drain,
  type OldCredential,
  type Plan,
  type Preflight,
  type Steps,
  ask,
  guardDisable,
  keyturnError,
} from 'keyturn/workflow';
import { assertApart } from './apart.js';
import type { Created } from './create.js';
import { expected } from './evidence.js';
import { openStored } from './named.js';
import type { Promoted } from './promote.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';
import { markRefused } from './refused-logins.js';
import { hasBegun, wayBack } from './way-back.js';

interface Before {
  readonly preflight: Preflight;
  readonly propose: Proposed;
  readonly create: Created;
  readonly stage: Staged;
  readonly promote: Promoted;
  readonly drain: Drain;
}

/** What disable hands on. */
export type Disabled = {
  /** Why nothing was switched off; null: it was. */
  readonly skipped: 'no old credential' | 'the target cannot disable' | null;
  readonly endedSessions: number;
  /** From where on refused logins are somebody else's. Absent: nobody looks at them. */
  readonly mark?: string;
};

/** The old credential is switched off, reversibly, and its sessions are ended. */
export const disable: Act<Before, Disabled> = {
  touches: ['target'],
  guard: {
    gate: 'drain',
    judge: ({ plan, before, moment }) =>
      guardDisable({
        plan,
        moment,
        expected: expected(before),
        facts: before.drain,
        promotedMs: moment.doneMs['promote'] ?? moment.nowMs,
      }),
  },
  *run({ plan, before }) {
    const { old } = before.preflight;
    if (old === null) return { output: { skipped: 'no old credential', endedSessions: 0 } };
    assertApart(plan, old, before.create);
    if (!plan.capabilities.disable) return { output: { skipped: 'the target cannot disable', endedSessions: 0 } };
    const { endedSessions } = yield* ask('target', 'disable', old.identity);
    yield* lookBehind(plan, old, before.stage);
    const mark = yield* markRefused(plan, old);
    return { output: { skipped: null, endedSessions, ...(mark === null ? {} : { mark }) } };
  },
  *undo({ plan, before }) {
    const old = before.preflight === undefined ? yield* oldAsTheWorldTells(plan) : before.preflight.old;
    // What was refused before this rotation began (`--repair`) is not brought to life by turning back.
    if (old !== null && old.accepted && plan.capabilities.disable) yield* ask('target', 'enable', old.identity);
  },
};

/**
 * The old credential of a rotation whose journal has lost its preflight. Only a credential that was accepted gets as far as
 * another being made beside it, but in a repair, where nobody knows any more whether it was.
 */
function* oldAsTheWorldTells(plan: Plan): Steps<Pick<OldCredential, 'identity' | 'accepted'> | null> {
  if (plan.repair || !plan.capabilities.disable || !(yield* hasBegun(plan))) return null;
  const { version } = yield* wayBack(plan, undefined);
  return version === null ? null : { identity: (yield* openStored(plan, version)).identity, accepted: true };
}

/**
 * A label that a person moved, or a hold that a person put, between the guard and the effect is found at once: the old
 * credential is switched on again first, and looked at afterwards.
 */
function* lookBehind(plan: Plan, old: OldCredential, staged: Staged): Steps<void> {
  const current = yield* ask('store', 'read', 'current');
  const { held } = yield* ask('standing', 'read');
  if (current?.digest === staged.digest && !held) return;
  yield* ask('target', 'enable', old.identity);
  throw keyturnError(held ? 'HELD' : 'ALIAS_MOVED', { secret: plan.path });
}
