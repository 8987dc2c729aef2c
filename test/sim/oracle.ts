import type { MemoryClock } from '../../src/adapters/memory/clock.js';
import type { MemoryState } from '../../src/adapters/memory/state.js';
import { judgeHistory } from '../../src/core/history.js';
import { parkedCureOf } from '../../src/core/errors.js';
import type { Plan } from '../../src/core/plan.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import type { Append } from '../../src/ports/journal.js';
import type { Complaint, SimulatedConsumer } from './consumers.js';
import { type Broken, judgeEffect, judgeSent, lookBefore } from './effect-truth.js';
import { CANARY, type Effect, type Ground, type Left, type Witness } from './ground.js';
import { Life } from './life.js';
import { judgeEnd, judgeParked } from './end-truth.js';
import { judgeDestroy, judgeDisable } from './revoke-truth.js';
import { newest } from './workflows.js';

/** The world as the oracle looks at it: never what the engine believes, except what it has committed. */
export interface Looked {
  readonly clock: MemoryClock;
  readonly state: Pick<MemoryState, 'load' | 'sealedSlots'>;
  readonly grounds: readonly Ground[];
  ground(secret: string): Ground;
  consumer(secret: string, name: string): SimulatedConsumer | undefined;
  /** True where the last look of this executor in this rotation has found every check of it good. */
  haveChecksPassed(secret: string, rotationId: string, epoch: number): boolean;
}

/**
 * Judges a simulated world by the invariants of INVARIANTS.md, over what is really so, at every effect, commit and
 * event and at the end. What a person did excuses what that deed breaks: `Ground` keeps it by identity and by version.
 */
export class Oracle implements Witness {
  readonly #violate: (broken: Broken) => void;
  readonly #looked: () => Looked;
  readonly #lives = new Map<string, Life>();
  /** The highest epoch that a fenced target has taken an effect of, by secret. */
  readonly #takenEpochs = new Map<string, { era: number; epoch: number }>();
  readonly #forgotten = new Set<string>();
  /** The rotation of each secret that was begun last. */
  readonly #lastBegun = new Map<string, string>();
  /** The highest epoch that has committed, by secret. */
  readonly #committedEpochs = new Map<string, number>();

  /** `looked` is asked for when it is first needed, because the outside is made with its witness. */
  constructor(looked: () => Looked, violate: (broken: Broken) => void) {
    this.#looked = looked;
    this.#violate = violate;
  }

  /** A rotation was accepted. I8: it is the only open one of its secret. */
  accepted(plan: Plan): void {
    if (this.#lives.has(plan.rotationId)) return;
    const open = [...this.#lives.values()].find((each) => each.isOpen && each.plan.secret === plan.secret);
    if (open !== undefined) this.#say('I8', `${plan.rotationId} began while ${open.plan.rotationId} was open`);
    this.#lives.set(plan.rotationId, new Life(plan, this.#looked().clock.nowMs()));
    this.#lastBegun.set(plan.secret, plan.rotationId);
  }

  /**
   * What became of a rotation that the database has forgotten wholly nobody can know: its secret is judged no more, until
   * one that was accepted since has completed and has looked at everything anew.
   */
  forget(secret: string): void {
    this.#forgotten.add(secret);
  }

  /** The database was rewound. Where nobody has noticed, no secret can be judged by what is so. */
  rewind(noticed: boolean): void {
    const { state, grounds } = this.#looked();
    this.#committedEpochs.clear();
    for (const [rotationId, life] of this.#lives) {
      const journal = state.load(rotationId)?.events;
      if (journal === undefined) this.#lives.delete(rotationId);
      else this.#lives.set(rotationId, life.rewound(journal));
    }
    if (!noticed) for (const { secret } of grounds) this.forget(secret.id);
  }

  /** True where the database has forgotten part of this rotation. */
  isRewound(rotationId: string): boolean {
    return (this.#lives.get(rotationId)?.lost ?? null) !== null;
  }

  /** A commit was carried out. */
  appended(append: Append): void {
    const life = this.#lives.get(append.rotationId);
    if (life === undefined) return;
    const { clock } = this.#looked();
    for (const { kind } of append.events) {
      const isWritten = kind === 'GateWaiting' || kind === 'StepDone';
      if (isWritten || kind === 'StepFailed')
        this.#looked().ground(life.plan.secret).openings.lookEnded(append.epoch, isWritten);
    }
    this.#judgeCommit(append, life);
    const decided = life.decision;
    life.newestEpoch = Math.max(life.newestEpoch, append.epoch);
    life.take(append, clock.nowMs());
    if (decided !== null && life.decision !== decided)
      this.#say('I12', `${append.rotationId} decided ${decided}, and then ${String(life.decision)}`);
    if (append.events.some((event) => event.kind === 'StepDone' && event.step === 'canary'))
      this.#judgeChecked(life, append);
    for (const event of append.events) {
      if (event.kind === 'RotationClosed' && event.status === 'completed' && life.lost === null) this.#judgeAgain(life);
      this.#judgeEvent(event, life);
    }
  }

  about(effect: Effect): () => void {
    const { ground, method, scope, identity } = effect;
    const life = this.#lives.get(scope.plan.rotationId);
    // Nobody judges a secret of which something is forgotten; what is made of it is made all the same.
    if (life === undefined || this.#forgotten.has(life.plan.secret)) return () => ground.befell(effect);
    const before = lookBefore(effect);
    // What is lost would tell why it was sent. Once the new era has been entered, it is refused or waited for.
    const wasOnItsWay = life.hasLost(scope) && life.isUntouchedSince;
    return () => {
      const judged = wasOnItsWay ? judgeSent(effect, life.lost) : judgeEffect(effect, before, life);
      for (const broken of judged) this.#violate(broken);
      this.#judgeFence(effect);
      if (scope.step === 'disable' && method === 'disable') this.#judgeDisabled(effect, life);
      if (method === 'moveCurrent') this.#judgePromote(effect, life);
      if (identity === null && effect.late && scope.plan.storeSettleMs === 0)
        this.#say('I9', `${method} of epoch ${scope.fence.epoch} was taken by the store without a lease`);
      ground.befell(effect);
      if (identity === null) return;
      // No executor can see what a person does to the label between its last look and the end of the request.
      if (before.isMovedSince && before.credential?.identity === identity) ground.touched.add(identity);
      // Of what is named now it may have taken the login away.
      const isUnseen = (ground.isRewound && wasOnItsWay) || before.isLetIn;
      if (isUnseen && before.credential?.identity === identity) ground.excuseCurrent();
    };
  }

  left(secret: string): Left | null {
    const life = [...this.#lives.values()].findLast((each) => each.isOpen && each.plan.secret === secret);
    const isKnown = life?.hasPassedPreflight === true || life?.lost?.hasPassedPreflight === true;
    if (life === undefined || !isKnown) return null;
    const old = life.old ?? life.lost?.old ?? null;
    const version = life.promotedMs === null ? (old?.version ?? null) : life.version;
    const isOff =
      life.plan.capabilities.disable &&
      life.decision !== 'roll-back' &&
      (life.disabledMs !== null || life.openIntent === 'disable');
    return {
      identities: [old?.identity ?? null, life.identity],
      system: life.system ?? life.lost?.system ?? null,
      version,
      isOff,
      isTurningBack: life.decision === 'roll-back',
    };
  }

  /** After every event: I1, for what may have changed. */
  look(): void {
    for (const ground of this.#looked().grounds) {
      if (!ground.changed || this.#forgotten.has(ground.secret.id)) continue;
      ground.changed = false;
      this.#judgeCurrent(ground, 'current names a credential that is refused');
    }
  }

  /** A consumer was refused with what it rightly held: what I1 and I2 are there for. */
  readonly complained: Complaint = (ground, consumer, { version, readMs }) => {
    const identity = ground.credentialIn(version)?.identity ?? '';
    if (
      !consumer.isHonest ||
      this.#forgotten.has(ground.secret.id) ||
      ground.everBroken.has(identity) ||
      ground.lateOff.has(identity) ||
      ground.wasByHand(readMs)
    )
      return;
    if (ground.secret.capabilities.overlap === 'one-live') return;
    const kind = ground.current()?.version === version.version ? 'current' : 'cached';
    this.#say('I1', `${consumer.name} of ${ground.secret.id} was refused with ${kind} version ${version.version}`);
  };

  /**
   * A repair that turns back after promote has nothing to go back to, and waits for a person for as long as it takes.
   * *Returns* true where it is such a one: from now on it is looked at no more.
   */
  abandons(rotationId: string): boolean {
    const life = this.#lives.get(rotationId);
    // What is lost has destroyed the old credential: there is nothing left to turn back to.
    const isForward = life?.lost?.decision === 'destroy';
    if (!isForward && life?.old?.accepted !== false && !this.#forgotten.has(life?.plan.secret ?? '')) return false;
    this.#lives.delete(rotationId);
    return true;
  }

  /** Nothing is due any more. */
  atRest(): void {
    const looked = this.#looked();
    for (const ground of looked.grounds) {
      // Late requests have settled by now, and what they broke must have been mended.
      ground.lateOff.clear();
      for (const endpoint of ground.secret.endpoints) ground.target.catchUp(endpoint);
      if (!this.#forgotten.has(ground.secret.id))
        this.#judgeCurrent(ground, 'at rest current names a credential that is refused', true);
    }
    for (const life of this.#lives.values()) {
      const isLast = this.#lastBegun.get(life.plan.secret) === life.plan.rotationId;
      if (!life.isOpen && isLast) this.#judgeEnd(life);
      this.#judgeLeaks(life);
    }
    this.#judgeHistories();
  }

  /** The judge of journals, which looks at nothing but what was written down: I2 replayed, I9, I10, I12 and more. */
  #judgeHistories(): void {
    const { state } = this.#looked();
    const journals = [...this.#lives.keys()].map((rotationId) => state.load(rotationId)?.events ?? []);
    for (const { invariant, rotationId, seq, what } of judgeHistory(journals, { workflows: newest, slackMs: 0 }))
      this.#say(invariant, `${what} (event ${seq} of ${rotationId})`);
  }

  #judgeCommit({ rotationId, epoch, events }: Append, life: Life): void {
    const { secret } = life.plan;
    const newest = this.#committedEpochs.get(secret) ?? 0;
    if (epoch < newest) this.#say('I9', `${rotationId} committed under epoch ${epoch} after ${newest}`);
    this.#committedEpochs.set(secret, Math.max(newest, epoch));
    if (!life.isOpen) this.#say('I12', `${rotationId} committed after it had ended`);
    if (events.some((each) => each.kind === 'StepIntended' && each.step === 'destroy') && life.decision === 'roll-back')
      this.#say('I12', `${rotationId} means to destroy after it was decided to roll back`);
  }

  /** Who still lives of what was forgotten, no rotation answers for: but the old credential of the one that has completed. */
  #judgeAgain({ plan, old }: Life): void {
    if (!this.#forgotten.delete(plan.secret)) return;
    const ground = this.#looked().ground(plan.secret);
    const current = ground.current();
    const named = current === null ? undefined : ground.credentialIn(current)?.identity;
    for (const identity of ground.target.live())
      if (identity !== named && identity !== old?.identity) ground.touched.add(identity);
    ground.changed = true;
  }

  #judgeEvent(event: RotationEvent, life: Life): void {
    const { plan } = life;
    if (this.#forgotten.has(plan.secret)) return;
    if (event.kind === 'StepIntended' && event.step === 'destroy') this.#judgeRevoke(life, 'destroy', judgeDestroy);
    if (event.kind === 'StepIntended' && event.step === 'disable') this.#judgeRevoke(life, 'disable', judgeDisable);
    if (event.kind === 'StepDone' && event.step === 'preflight') {
      this.#judgePrincipal(life);
      this.#judgeStart(life);
    }
    if (event.kind === 'RotationClosed') this.#judgeEnd(life);
    if (event.kind !== 'Parked') return;
    const cure = parkedCureOf(event.code, event.facts);
    if (!cure.includes(` ${plan.rotationId}`) || !/keyturn (resume|rollback) /.test(cure))
      this.#say('L2', `${event.code} of ${plan.rotationId} offers no command`);
    for (const broken of judgeParked(this.#looked().ground(plan.secret), life, event.code)) this.#violate(broken);
  }

  #judgeRevoke(life: Life, step: string, judge: (at: Parameters<typeof judgeDisable>[0]) => Iterable<Broken>): void {
    const { clock, state, ...looked } = this.#looked();
    const { plan } = life;
    const standing = state.load(plan.rotationId)?.surroundings;
    const at = {
      ground: this.#looked().ground(plan.secret),
      life,
      nowMs: clock.nowMs(),
      intendedMs: life.intendedMs.get(step) ?? clock.nowMs(),
      held: standing?.held ?? false,
      waived: standing?.waived ?? [],
      consumer: (name: string) => this.#looked().consumer(plan.secret, name),
    };
    void looked;
    for (const broken of judge(at)) this.#violate(broken);
  }

  /** I8: no other open rotation is at work on the same principal of the same system. */
  #judgePrincipal({ plan, system }: Life): void {
    for (const other of this.#lives.values()) {
      if (other.plan.rotationId === plan.rotationId || !other.isOpen || !other.hasPassedPreflight) continue;
      if (other.plan.principal === plan.principal && other.system === system)
        this.#say('I8', `${plan.rotationId} and ${other.plan.rotationId} are both at work on ${plan.principal}`);
    }
  }

  /** I13: only a repair begins where there is nothing to go back to, unless it broke after this executor had looked. */
  #judgeStart({ plan, old, newestEpoch }: Life): void {
    const ground = this.#looked().ground(plan.secret);
    const stored = old === null ? null : ground.store.read(plan.secret, old.version);
    if (plan.repair || stored === null || ground.works(stored)) return;
    if (ground.brokenMs >= (ground.readsOfEpoch.get(newestEpoch) ?? 0)) return;
    if (ground.lateOff.has(ground.credentialIn(stored)?.identity ?? '')) return;
    this.#say('I13', `${plan.rotationId} begins though what current names is refused`);
  }

  /** I9: a target that can fence never takes an older executor's effect after a newer one's. */
  #judgeFence({ ground, scope, method, identity }: Effect): void {
    if (identity === null || !scope.plan.capabilities.fence) return;
    const { era, epoch } = scope.fence;
    const taken = this.#takenEpochs.get(ground.secret.id);
    const isOlder = taken !== undefined && (era < taken.era || (era === taken.era && epoch < taken.epoch));
    if (isOlder && !ground.isRestored)
      this.#say('I9', `${method} of epoch ${epoch} was taken after one of ${taken.epoch}`);
    if (!isOlder) this.#takenEpochs.set(ground.secret.id, { era, epoch });
  }

  /** I1: consumers are not sent to a version that those who were to try it first have not proved. */
  #judgePromote({ scope: { plan, step }, version }: Effect, life: Life): void {
    if (step !== 'promote' || life.decision !== null || version === null || version !== life.version) return;
    const looked = this.#looked();
    const canaries = plan.consumers.filter((each) => each.canary);
    const unproved = canaries.filter(({ name }) => looked.consumer(plan.secret, name)?.proved.has(version) !== true);
    if (canaries.length - unproved.length < fewestCanaries(plan, canaries.length))
      this.#say('I1', `${plan.rotationId} promotes version ${version}, which ${unproved[0]?.name} has not tried`);
  }

  /** I1: the canary passes where every check was good at the look by which it passed. */
  #judgeChecked({ plan }: Life, { epoch }: Append): void {
    if ((plan.checks ?? []).length > 0 && !this.#looked().haveChecksPassed(plan.secret, plan.rotationId, epoch))
      this.#say('I1', `the canary of ${plan.rotationId} passes, and its checks were not good`);
  }

  /** A disable that arrives late: refused where the target can fence, mended by the time of rest where it cannot. */
  #judgeDisabled({ ground, scope, identity, late }: Effect, life: Life): void {
    const turned = life.decision === 'roll-back';
    if (turned && scope.plan.capabilities.fence && life.openIntent !== 'disable')
      this.#say('I12', `disable of ${scope.plan.rotationId} was taken after it was decided to roll back`);
    if (late && !scope.plan.capabilities.fence && identity !== null) ground.lateOff.add(identity);
  }

  #judgeCurrent(ground: Ground, what: string, atRest = false): void {
    const current = ground.current();
    if (current === null || (!atRest && ground.secret.capabilities.overlap === 'one-live')) return;
    if (ground.works(current)) return;
    const identity = ground.credentialIn(current)?.identity ?? '';
    if (ground.isExcused(identity) || ground.touched.has(identity) || ground.isPutByHand(current)) return;
    this.#say('I1', `${what} (${ground.secret.id}, version ${current.version})`);
  }

  #judgeEnd(life: Life): void {
    if (this.#forgotten.has(life.plan.secret)) return;
    const { state } = this.#looked();
    const ground = this.#looked().ground(life.plan.secret);
    for (const broken of judgeEnd(ground, life, state.sealedSlots(life.plan.rotationId).length)) this.#violate(broken);
  }

  /** C1: no value of the run stands in a journal. */
  #judgeLeaks({ plan }: Life): void {
    const events = this.#looked().state.load(plan.rotationId)?.events ?? [];
    if (JSON.stringify(events).includes(CANARY)) this.#say('C1', `the journal of ${plan.rotationId} holds a value`);
  }

  #say(invariant: string, what: string): void {
    this.#violate({ invariant, what });
  }
}

/** How many canary consumers must have proved: worked out here, because what is judged may have it wrong. */
function fewestCanaries({ policy: { canaries = 'all' } }: Plan, declared: number): number {
  if (canaries === 'all') return declared;
  return 'count' in canaries ? canaries.count : (declared * canaries.percent) / 100;
}
