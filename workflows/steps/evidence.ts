import {
  type EndpointAnswer,
  type EvidenceFacts,
  type Expected,
  type OldCredential,
  type Plan,
  type Preflight,
  type Steps,
  type Usage,
  ask,
} from 'keyturn/workflow';
import type { Created } from './create.js';
import { openNew } from './named.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';
import { tagged } from './way-back.js';

/** A fresh login with the new credential, on every endpoint. */
export function* logInWithNew(plan: Plan, identity: string): Steps<readonly EndpointAnswer[]> {
  return yield* ask('target', 'verify', yield* openNew(plan, identity));
}

/**
 * The same, of a credential that may have been destroyed in what our database has lost. A target that takes time to make
 * that known accepts it for a while, so that what it does not list any more is not known to live.
 */
export function* logInWithListed({
  plan,
  before,
  rewound,
}: {
  readonly plan: Plan;
  readonly before: { readonly propose: Proposed; readonly create: Created };
  readonly rewound: boolean;
}): Steps<readonly EndpointAnswer[]> {
  const { identity } = before.create;
  const answers = yield* logInWithNew(plan, identity);
  if (!rewound || !plan.capabilities.list) return answers;
  if ((yield* tagged(plan, before.propose.existing)).includes(identity)) return answers;
  return [...answers, { endpoint: plan.target, answer: 'unknown', reason: 'the target does not list it' }];
}

/**
 * What both gates after promote look at: the label by content, a fresh login with the new one, the target itself. It
 * takes the time itself, right before: a label read after slow consumers have answered is not as old as they are slow.
 */
export function* lookAtNew(logIn: Steps<readonly EndpointAnswer[]>): Steps<EvidenceFacts> {
  const { nowMs: atMs, guardSeq } = yield* ask('standing', 'read');
  const stored = yield* ask('store', 'read', 'current');
  const { system } = yield* ask('target', 'identify');
  const answers = yield* logIn;
  const current = stored === null ? null : { version: stored.version, digest: stored.digest };
  return { atMs, guardSeq, current, answers, system };
}

/**
 * Who uses the old credential, and the newest opening of a session with it that any look has seen. An age counts back
 * from after the answer: from before it, a slow look would take the session for older than it is.
 */
export function* lookAtOld(
  old: OldCredential | null,
  lastOpenedMs: number | null,
): Steps<{ readonly usage: Usage | null; readonly lastOpenedMs: number | null }> {
  // Also of one that was refused before this rotation began: sessions survive the password they were opened with.
  const usage = old === null ? null : yield* ask('target', 'usage', old.identity);
  if (usage?.kind !== 'known' || usage.youngestAgeMs === null) return { usage, lastOpenedMs };
  const { nowMs } = yield* ask('standing', 'read');
  return { usage, lastOpenedMs: Math.max(lastOpenedMs ?? 0, nowMs - usage.youngestAgeMs) };
}

/** What it is compared with: what this rotation staged, on the target that preflight saw. */
export function expected(before: {
  readonly preflight: Preflight;
  readonly stage: Staged;
  readonly propose: Proposed;
}): Expected {
  return { version: before.stage.version, digest: before.stage.digest, system: before.preflight.system };
}
