import { type Credential, unfitValue } from '../../src/core/credential.js';
import { openSecret, sameSecret } from '../../src/core/secret.js';
import type { StoredVersion } from '../../src/ports/step-ports.js';
import { CANARY, type Effect, type Ground } from './ground.js';
import type { Life } from './life.js';

/** From the look at the old credential to the move of the label, pauses and slow calls included. Milliseconds. */
const LOOKED_WITHIN_MS = 90_000;

/** An invariant that does not hold, and how. */
export interface Broken {
  readonly invariant: string;
  readonly what: string;
}

/** What has been true before an effect, of which only what is true afterwards tells. */
export interface Before {
  readonly current: StoredVersion | null;
  readonly credential: Credential | null;
  readonly wasOff: boolean;
  /** True where a person has moved the label since this executor last looked at it. */
  readonly isMovedSince: boolean;
  /** True where only a target that was restored, and has forgotten its fence, takes this. */
  readonly isLetIn: boolean;
  readonly versions: number;
}

/** Looks before the outside takes an effect. */
export function lookBefore({ ground, identity, method, scope, late }: Effect): Before {
  const current = ground.current();
  return {
    current,
    credential: current === null ? null : ground.credentialIn(current),
    wasOff: identity !== null && ground.target.switchedOff().includes(identity),
    isMovedSince: (ground.handMove?.atMs ?? -1) >= (ground.readsOfEpoch.get(scope.fence.epoch) ?? 0),
    isLetIn: late && ground.isRestored && scope.plan.capabilities.fence,
    versions: method === 'putPending' ? ground.store.versionsOf(ground.secret.id, scope.plan.rotationId) : 0,
  };
}

/** Judges an effect that the outside has taken: I3, I5, I7, I10, I12, I13, I15. */
export function* judgeEffect(effect: Effect, before: Before, life: Life): Generator<Broken> {
  const { ground, method, scope, identity } = effect;
  const where = `${method} in step ${scope.step} of ${scope.plan.rotationId}`;
  if (!life.intents.has(`${scope.step} ${scope.fence.epoch}`))
    yield { invariant: 'I10', what: `${where} by epoch ${scope.fence.epoch} without an intent` };
  if (method === 'putPending') yield* judgePut(ground, before, life, where);
  if (method === 'moveCurrent') {
    yield* judgeMove(effect, life, where);
    yield* judgeMoveBack(ground, before, life, where);
  }
  if (method === 'create') yield* judgeCreate(effect, life, where);
  if (identity === null || method === 'create') return;
  const isOld = life.old !== null && identity === life.old.identity;
  const isOneLive = scope.plan.capabilities.overlap === 'one-live';
  if (isOld && !isOneLive && scope.step !== 'disable' && scope.step !== 'destroy')
    yield { invariant: 'I3', what: `${where} touches the old credential` };
  if (method === 'destroy' && scope.step === 'destroy' && life.decision !== 'destroy' && !life.hasLost(scope))
    yield { invariant: 'I12', what: `${where} without a decision` };
  if (scope.step === 'create' || scope.step === 'swap') yield* judgeCompensation(effect, before, life, where);
}

/** Judges what was on its way when the database went back, by what was known when it was sent: I12. */
export function* judgeSent({ method, scope: { plan, step } }: Effect, lost: Life | null): Generator<Broken> {
  if (method === 'destroy' && step === 'destroy' && lost?.decision !== 'destroy')
    yield { invariant: 'I12', what: `destroy of ${plan.rotationId} was sent without a decision` };
}

/** I3: the old credential is not made anew. I5: what we cause to be accepted can be read by somebody. */
function* judgeCreate({ ground, scope, identity }: Effect, life: Life, where: string): Generator<Broken> {
  const { overlap, origin } = scope.plan.capabilities;
  if (overlap === 'one-live') return;
  if (identity === life.old?.identity) yield { invariant: 'I3', what: `${where} writes over the old credential` };
  if (life.decision === 'roll-back' && scope.fence.epoch === life.newestEpoch)
    yield { invariant: 'I12', what: `${where} after it was decided to roll back` };
  const isKept = ground.isSealed(scope.plan.rotationId) || life.hasLost(scope);
  if (origin === 'ours' && identity !== null && !isKept)
    yield { invariant: 'I5', what: `${where} makes a value live that is sealed nowhere` };
}

/** I7 and I15. */
function* judgePut(ground: Ground, before: Before, { plan }: Life, where: string): Generator<Broken> {
  const versions = ground.store.versionsOf(ground.secret.id, plan.rotationId);
  if (versions > 1) yield { invariant: 'I15', what: `${where} makes ${versions} versions of one rotation` };
  if (versions === before.versions) return;
  const pending = ground.store.read(ground.secret.id, 'pending');
  const credential = pending === null ? null : ground.credentialIn(pending);
  if (credential === null) {
    yield { invariant: 'I7', what: `${where} stores what is not a credential` };
    return;
  }
  const earlier = before.credential === null ? [] : [before.credential.value];
  const finding = unfitValue(credential.value, earlier, sameSecret);
  const text = new TextDecoder().decode(openSecret(credential.value));
  if (finding !== undefined || !text.startsWith(CANARY))
    yield { invariant: 'I7', what: `${where} stores a value that nobody generated (${finding ?? 'no canary'})` };
}

/** I13: a label goes back only to a credential that is accepted, unless a person broke it since anybody could look. */
function* judgeMoveBack(ground: Ground, before: Before, life: Life, where: string): Generator<Broken> {
  const current = ground.current();
  if (life.decision !== 'roll-back' || current === null || current.version === before.current?.version) return;
  if (life.plan.capabilities.overlap === 'one-live' || ground.works(current)) return;
  const wasBrokenLately = ground.clock.nowMs() - ground.brokenMs < LOOKED_WITHIN_MS;
  if (!wasBrokenLately) yield { invariant: 'I13', what: `${where} moves current onto what is refused` };
}

/** I6: once promoted, `previous` is on the version that was current before. On the way back it is left as a person has put it. */
function* judgeMove({ ground, version }: Effect, life: Life, where: string): Generator<Broken> {
  if (
    life.old === null ||
    life.decision === 'roll-back' ||
    version !== life.version ||
    ground.current()?.version !== version
  )
    return;
  const previous = ground.store.read(ground.secret.id, 'previous');
  if (previous?.version !== life.old.version)
    yield { invariant: 'I6', what: `${where} leaves \`previous\` off the old version` };
}

/** I13: never what `current` names, unless a person has put it there since, or nothing fences any more. */
function* judgeCompensation(effect: Effect, before: Before, life: Life, where: string): Generator<Broken> {
  const { ground, identity, method, scope } = effect;
  if (method !== 'disable' && method !== 'destroy') return;
  if (
    before.credential?.identity === identity &&
    !before.isMovedSince &&
    !before.isLetIn &&
    scope.plan.capabilities.overlap !== 'one-live'
  )
    yield { invariant: 'I13', what: `${where} ${method}s what current names` };
  const { disable, overlap } = scope.plan.capabilities;
  const compensates = life.decision === 'roll-back' && scope.fence.epoch === life.newestEpoch;
  const isAlive = method === 'destroy' && disable && overlap === 'two-live' && !before.wasOff;
  if (compensates && isAlive && !ground.touched.has(identity ?? '') && ground.isThere(identity ?? ''))
    yield { invariant: 'I13', what: `${where} destroys what it has not switched off first` };
}
