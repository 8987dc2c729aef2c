import { MemoryClock } from '../../src/adapters/memory/clock.js';
import { MemoryState } from '../../src/adapters/memory/state.js';
import { MemoryStore } from '../../src/adapters/memory/store.js';
import { renderCredential } from '../../src/core/credential.js';
import type { Plan } from '../../src/core/plan.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import { Secret } from '../../src/core/secret.js';
import type { Append } from '../../src/ports/journal.js';
import type { Scope } from '../../src/ports/step-ports.js';
import { ableCapabilities, promptPolicy } from '../support/plans.js';
import type { SimulatedConsumer } from './consumers.js';
import type { Broken } from './effect-truth.js';
import { CANARY, type Effect, Ground } from './ground.js';
import { Oracle } from './oracle.js';
import { type SimulatedSecret, planOf } from './population.js';

export const secret: SimulatedSecret = {
  id: 'sim:/app1/db',
  path: '/app1/db',
  target: 'target1',
  principal: 'app1',
  workflow: 'staged-rotation',
  capabilities: ableCapabilities,
  endpoints: ['one', 'two'],
  startsWithout: false,
  consumers: [],
};
export const newValue = Secret.fromText(`${CANARY}new-0000000000000000000000`);
export const fields = { identity: 'username', value: 'password' };

/** A world made by hand, in which an executor does what no executor would. */
export class Hand {
  readonly clock = new MemoryClock();
  readonly state = new MemoryState(this.clock);
  readonly store = new MemoryStore({ holds: () => true });
  readonly broken: Broken[] = [];
  readonly plan: Plan;
  readonly ground: Ground;
  readonly oracle: Oracle;
  held = false;
  sealed = true;
  checked = false;
  holds: (version: number) => boolean = () => true;
  /** What the consumer has proved as a canary. */
  readonly proved = new Set<number>();
  #seq = 1;

  constructor(change: Partial<SimulatedSecret> = {}, plan: Partial<Plan> = {}) {
    const own = { ...secret, ...change };
    this.ground = new Ground(own, this.store, this.clock, () => this.sealed);
    this.plan = {
      ...planOf(own, { rotationId: 'r1', policy: promptPolicy, consumers: own.consumers, repair: false }),
      ...plan,
    };
    const { proved } = this;
    const consumer = { name: 'app', isHonest: true, proved, holds: (version: number) => this.holds(version) };
    this.oracle = new Oracle(
      () => ({
        clock: this.clock,
        state: {
          load: () => ({
            events: [],
            surroundings: { nowMs: 0, held: this.held, waived: [], guardSeq: 0, commands: [] },
          }),
          sealedSlots: () => [],
        },
        grounds: [this.ground],
        ground: () => this.ground,
        // The oracle asks a consumer for no more than this.
        consumer: () => consumer as unknown as SimulatedConsumer,
        haveChecksPassed: () => this.checked,
      }),
      (broken) => this.broken.push(broken),
    );
    this.oracle.accepted(this.plan);
  }

  /** A commit of these events. */
  commits(events: readonly RotationEvent[], epoch = 1, rotationId = 'r1'): this {
    // The oracle reads no more of a commit than this.
    this.oracle.appended({ rotationId, epoch, events, expectedSeq: (this.#seq += 1) } as unknown as Append);
    return this;
  }

  /** An effect that the outside takes. */
  does(change: Partial<Effect> & Pick<Effect, 'method'>, step: string, act: () => void, epoch = 1): this {
    const fence = { era: 1, epoch, known: true };
    const scope = { plan: this.plan, step, fence, attempt: 1, nowMs: 0, deadlineMs: 0 } as unknown as Scope;
    const effect: Effect = { ground: this.ground, scope, identity: null, version: null, late: false, ...change };
    const taken = this.oracle.about(effect);
    act();
    taken();
    return this;
  }

  /** As far as promote: the new credential lives and `current` names it. */
  promoted(): this {
    this.commits([intends('preflight')]).commits([
      done('preflight', {
        old: { version: 1, identity: 'app1_a', digest: '', createdBy: null, accepted: true },
        system: 'target1',
        previous: null,
      }),
      done('propose', { identity: 'app1_b' }),
      done('create', { identity: 'app1_b' }),
      done('stage', { version: 2 }),
    ]);
    this.ground.target.adopt({ identity: 'app1_b', value: newValue });
    this.store.putByHand(secret.id, renderCredential({ identity: 'app1_b', value: newValue }, fields));
    this.store.moveByHand(secret.id, 2);
    this.ground.aliasReads.set(2, this.clock.nowMs());
    return this.commits([intends('promote')]).commits([done('promote', null)]);
  }

  invariants(): readonly string[] {
    return [...new Set(this.broken.map((each) => each.invariant))];
  }

  said(): string {
    return this.broken.map((each) => each.what).join('\n');
  }
}

export function intends(step: string): RotationEvent {
  return { kind: 'StepIntended', step, attempt: 1 };
}

export function done(step: string, output: Extract<RotationEvent, { kind: 'StepDone' }>['output']): RotationEvent {
  return { kind: 'StepDone', step, output, tookMs: 1 };
}

export const turns: RotationEvent = { kind: 'RollbackDecided', code: 'CANCELLED', facts: {} };
