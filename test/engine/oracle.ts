import { parseCredential } from '../../src/core/credential.js';
import { judgeHistory } from '../../src/core/history.js';
import { isOpen } from '../../src/core/rotation.js';
import type { EngineRequest } from '../../src/engine/request.js';
import inPlaceRotation from '../../workflows/in-place-rotation.js';
import stagedRotation from '../../workflows/staged-rotation.js';
import type { World } from './world.js';

/** Something that must always hold, and did not. */
export interface Violation {
  /** Of INVARIANTS.md. */
  readonly invariant: string;
  readonly what: string;
}

/** A clock in memory is never stepped. */
const judging = { workflows: [stagedRotation, inPlaceRotation], slackMs: 0 };

/** Changes at a target. */
const effects = ['create', 'disable', 'enable', 'destroy'];

/** Judges a world by what is true in it, not by what the engine believes. */
export class Oracle {
  readonly violations: Violation[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  violate(invariant: string, what: string): void {
    this.violations.push({ invariant, what });
  }

  /** I10: an effect at the target has its intent in the journal. */
  before({ port, method, authority }: EngineRequest): void {
    if (port !== 'target' || authority === null) return;
    if (!effects.includes(method)) return;
    const { intent } = this.#world.state;
    if (intent?.step !== authority.step) this.violate('I10', `${method} in step ${authority.step} without an intent`);
  }

  /** I1: what `current` names is accepted everywhere, at every instant. */
  after({ port, method }: EngineRequest): void {
    if (this.#world.scenario.capabilities.overlap === 'one-live') return;
    const current = this.#world.current();
    if (current !== null && !this.#world.memory.target.accepts(current)) {
      this.violate('I1', `after ${port}.${method} the label current names a credential that is refused`);
    }
    this.#singlePut();
  }

  /** What must hold once nothing is due any more. */
  atRest(): void {
    const { state, plan, scenario, memory, old } = this.#world;
    this.#singlePut();
    const events = memory.state.load(plan.rotationId)?.events ?? [];
    for (const { invariant, seq, what } of judgeHistory([events], judging))
      this.violate(invariant, `event ${seq}: ${what}`);
    if (state.status !== scenario.ends) {
      this.violate('L1', `it ended ${state.status} (${state.because?.code ?? 'no reason'}), not ${scenario.ends}`);
    }
    const current = this.#world.current();
    if (current !== null && !memory.target.accepts(current))
      this.violate('I1', 'at rest the label current names a credential that is refused');
    if (old !== null && current === null) this.violate('I6', 'at rest there is no current version');
    if (isOpen(state.status)) return;
    const explained = current === null ? [] : [current.identity];
    const orphans = memory.target.live().filter((identity) => !explained.includes(identity));
    if (orphans.length > 0) this.violate('I4', `at rest ${orphans.join(', ')} can log in and nothing explains it`);
    if (memory.state.sealedSlots(plan.rotationId).length > 0) this.violate('I4', 'sealed values were left behind');
    if (state.status === 'completed' && old !== null && memory.target.accepts(old))
      this.violate('I2', 'the old credential is alive');
    if (
      state.status === 'completed' &&
      current?.identity === old?.identity &&
      scenario.capabilities.overlap === 'two-live'
    ) {
      this.violate('L1', 'it completed without a new credential');
    }
    if (state.status !== 'completed' && old !== null && current?.identity !== old.identity) {
      this.violate('I13', 'it turned back and current is not on the old credential');
    }
    const pending = memory.store.read(plan.secret, 'pending');
    if (pending !== null) this.violate('I13', 'the label pending was left behind');
    const previous = memory.store.read(plan.secret, 'previous');
    if (
      state.status === 'completed' &&
      old !== null &&
      (previous === null || parseCredential(previous.value, plan.fields, plan.path).identity !== old.identity)
    ) {
      this.violate('I6', 'the previous version is not readable');
    }
  }

  /** I15: one new version for a rotation, whatever the number of tries. */
  #singlePut(): void {
    const { plan, memory } = this.#world;
    if (memory.store.versionsOf(plan.secret, plan.rotationId) > 1) this.violate('I15', 'more than one version was put');
  }
}
