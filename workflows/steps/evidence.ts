import { type EvidenceFacts, type Expected, type Plan, type Preflight, type Steps, ask } from 'keyturn/workflow';
import { openNew } from './named.js';
import type { Proposed } from './propose.js';
import type { Staged } from './stage.js';

/**
 * What both gates after promote look at: the label by content, a fresh login with the new one, the target itself. It
 * takes the time itself, right before: a label read after slow consumers have answered is not as old as they are slow.
 */
export function* lookAtNew(plan: Plan, identity: string): Steps<EvidenceFacts> {
  const { nowMs: atMs, guardSeq } = yield* ask('standing', 'read');
  const stored = yield* ask('store', 'read', 'current');
  const { system } = yield* ask('target', 'identify');
  const answers = yield* ask('target', 'verify', yield* openNew(plan, identity));
  return {
    atMs,
    guardSeq,
    current: stored === null ? null : { version: stored.version, digest: stored.digest },
    answers,
    system,
  };
}

/** What it is compared with: what this rotation staged, on the target that preflight saw. */
export function expected(before: {
  readonly preflight: Preflight;
  readonly stage: Staged;
  readonly propose: Proposed;
}): Expected {
  return { version: before.stage.version, digest: before.stage.digest, system: before.preflight.system };
}
