import { parseCredential } from '../core/credential.js';
import { keyturnError } from '../core/errors.js';
import type { Tagged } from '../core/observation.js';
import { orphansOf } from '../core/orphans.js';
import type { RotationRow } from '../ports/operations.js';
import type { Bound, Scope, StorePort, TargetPort } from '../ports/step-ports.js';

/** What looking for orphans stands on. */
export interface OrphanParts {
  readonly store: Bound<Pick<StorePort, 'read'>>;
  readonly target: Bound<Pick<TargetPort, 'list' | 'destroy'>>;
  /** The newest rotation of the secret; null: it never had one. */
  readonly newest: (secret: string) => Promise<Pick<RotationRow, 'rotationId' | 'closedAtMs'> | null>;
}

/** What lives at the target of a secret with our tag and nothing explains, or why nobody could say. */
export type OrphanLook =
  | { readonly kind: 'looked'; readonly orphans: readonly Tagged[] }
  | {
      readonly kind: 'skipped';
      readonly why: string;
      /** What to do for it to be looked at. */
      readonly cure: string;
    };

const again = 'Look again when it has ended.';

/**
 * Asks the target what carries our tag, and the store what `current` names. Changes nothing. Nothing is said while a
 * rotation is open, nor where one was begun meanwhile: it may have made what was seen.
 *
 * *Errors* those of the target and the store: who could not look has not seen that there is nothing.
 */
export async function lookForOrphans(scope: Scope, parts: OrphanParts): Promise<OrphanLook> {
  const { secret, path, fields, capabilities } = scope.plan;
  if (!capabilities.list) {
    const cure = 'Look at the target itself: its rotator cannot.';
    return { kind: 'skipped', why: 'the target cannot list what is ours', cure };
  }
  const before = await parts.newest(secret);
  if (before?.closedAtMs === null)
    return { kind: 'skipped', why: `rotation ${before.rotationId} is open`, cure: again };
  const listed = await parts.target.list(scope);
  const stored = await parts.store.read(scope, 'current');
  const current = stored === null ? null : parseCredential(stored.value, fields, path).identity;
  const after = await parts.newest(secret);
  if (after?.rotationId !== before?.rotationId) {
    return { kind: 'skipped', why: 'a rotation was begun meanwhile', cure: again };
  }
  // Without tags `current` is told from the others by its identity alone. Where none has it, any of them may be the one in use.
  if (capabilities.exclusive === true && current !== null && !listed.some(({ identity }) => identity === current)) {
    const why =
      'the target lists nothing with the identity that `current` names, so that any of what it lists may be in use';
    return {
      kind: 'skipped',
      why,
      cure: `Put the credential of ${path} again with the identity that the target gives it.`,
    };
  }
  return { kind: 'looked', orphans: orphansOf(listed, current) };
}

/**
 * Destroys one orphan, by its identity and its tag: what a rotation has made of that identity since carries another.
 *
 * *Errors* `NO_ORPHAN` where it is none, or none any more; `NOT_OURS`; those of the target.
 */
export async function destroyOrphan(
  scope: Scope,
  identity: string,
  parts: OrphanParts & {
    /** Writes into the audit trail what is about to be done, and then that it was. */
    readonly record: (orphan: Tagged, phase: 'intended' | 'done') => Promise<void>;
  },
): Promise<Tagged> {
  const { path, environment, target } = scope.plan;
  const look = await lookForOrphans(scope, parts);
  const found = look.kind === 'looked' ? look.orphans.find((each) => each.identity === identity) : undefined;
  if (found === undefined) {
    const finding = look.kind === 'skipped' ? look.why : 'it is not there, or something explains it';
    throw keyturnError('NO_ORPHAN', { identity, target, secret: path, environment, finding });
  }
  await parts.record(found, 'intended');
  await parts.target.destroy(scope, identity, { createdBy: found.rotationId });
  await parts.record(found, 'done');
  return found;
}
