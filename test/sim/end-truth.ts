import type { Broken } from './effect-truth.js';
import type { Ground } from './ground.js';
import type { Life } from './life.js';

/** What must be so once a rotation has closed: I2, I4, I6, I13, L1. */
export function* judgeEnd(ground: Ground, life: Life, sealedSlots: number): Generator<Broken> {
  const { plan, status } = life;
  const old = life.old ?? life.lost?.old ?? null;
  const name = `${plan.rotationId}, ${status},`;
  const current = ground.current();
  const credential = current === null ? null : ground.credentialIn(current);
  if (sealedSlots > 0) yield { invariant: 'I4', what: `${name} has left sealed values behind` };
  if (!life.hasPassedPreflight && life.lost === null) return;
  const orphans = ground.target.live().filter((each) => each !== credential?.identity && !ground.touched.has(each));
  if (orphans.length > 0) yield { invariant: 'I4', what: `${name} has left ${orphans.join(', ')} able to log in` };
  const pending = ground.store.read(ground.secret.id, 'pending');
  if (pending !== null && pending.rotationId === plan.rotationId)
    yield { invariant: 'I13', what: `${name} has left the label pending` };
  if (ground.handMove !== null) return;
  if (life.lost !== null && !life.hasPassedPreflight && !life.lost.hasPassedPreflight) return;
  if (status === 'completed') yield* judgeCompleted(ground, life, current?.version ?? null);
  else if ((current?.version ?? null) !== (old?.version ?? null) && !ground.wasMovedSince(life.startedMs))
    yield { invariant: 'I13', what: `${name} and current is not where it was` };
}

function* judgeCompleted(ground: Ground, life: Life, current: number | null): Generator<Broken> {
  const { plan, old, version } = life;
  if (version === null || current !== version)
    yield { invariant: 'L1', what: `${plan.rotationId} has completed and current is not on its version` };
  if (old === null) return;
  const stored = ground.store.read(ground.secret.id, old.version);
  if (stored !== null && ground.target.answers(ground.credentialIn(stored) ?? neverMade).some(isAccepted)) {
    if (!ground.touched.has(old.identity) && !ground.broken.has(old.identity))
      yield { invariant: 'I2', what: `${plan.rotationId} has completed and the old credential is alive` };
  }
  // What is lost had taken the label back, `previous` with it, and then a person put `current` where the journal has it.
  if (life.lost !== null && ground.wasMovedSince(life.startedMs)) return;
  const previous = ground.store.read(ground.secret.id, 'previous');
  if (previous?.version !== old.version)
    yield { invariant: 'I6', what: `${plan.rotationId} has completed and previous is not on the old version` };
}

/** What is asked of a person only once the old one can log in again. */
const askedWithBoth: readonly string[] = ['OLD_STILL_NEEDED', 'DRAIN_TIMED_OUT'];

/**
 * L2: until the old one has been switched off, whoever parks leaves both able to log in; afterwards it can be switched on,
 * and is on already where somebody needs it and strangers have it not.
 */
export function* judgeParked(ground: Ground, life: Life, code: string): Generator<Broken> {
  const { plan, old, decision } = life;
  if (old === null || !old.accepted || decision === 'destroy' || plan.capabilities.overlap === 'one-live') return;
  if (ground.isExcused(old.identity) || ground.touched.has(old.identity)) return;
  // What is lost has taken it away: for ever, or nobody has switched it on again yet.
  if (life.lost !== null && (life.hasMeant('destroy') || (life.hasMeant('disable') && !life.hasEnabledSince))) return;
  if (!ground.isThere(old.identity))
    yield { invariant: 'L2', what: `${plan.rotationId} parked and the old credential is gone` };
  const mayBeOff = life.disabledMs !== null && (!askedWithBoth.includes(code) || plan.exposed === true);
  const isOff = ground.isThere(old.identity) && !ground.target.live().includes(old.identity);
  if (life.openIntent !== 'disable' && !mayBeOff && isOff)
    yield { invariant: 'L2', what: `${plan.rotationId} parked and the old credential is off` };
}

const neverMade = { identity: '', value: null as never };

function isAccepted({ answer }: { readonly answer: string }): boolean {
  return answer === 'accepted';
}
