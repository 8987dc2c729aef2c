import type { Workflow } from '../../src/contract/workflow.js';
import { type MemoryPorts, memoryPorts } from '../../src/adapters/memory/ports.js';
import { type Credential, parseCredential, renderCredential } from '../../src/core/credential.js';
import type { Plan } from '../../src/core/plan.js';
import { type RotationState, fold } from '../../src/core/rotation.js';
import { Secret } from '../../src/core/secret.js';
import { type Advanced, advance } from '../../src/engine/advance.js';
import type { EngineRequest, Work } from '../../src/engine/request.js';
import type { Scope } from '../../src/ports/step-ports.js';
import inPlaceRotation from '../../workflows/in-place-rotation.js';
import stagedRotation from '../../workflows/staged-rotation.js';
import { aPlan } from '../support/plans.js';
import { Oracle } from './oracle.js';
import type { Scenario } from './scenarios.js';

const leaseMs = 5_000;
const neverAborted = new AbortController().signal;
const known: readonly Workflow[] = [stagedRotation, inPlaceRotation];

/** Wakeups after which a rotation that has not come to rest is taken as spinning. */
const maxWakeups = 400;

interface Paused {
  readonly work: Work<Advanced>;
  readonly request: EngineRequest;
  readonly latestMs: number;
}

/** What happens at a point instead of the answer. */
export type Interruption = 'crash before' | 'crash after' | 'late';

/** An interruption at one of the questions of a run, counted from 1. */
export interface At {
  readonly point: number;
  readonly how: Interruption;
}

/** One rotation in one world in memory, driven by hand, with the oracle looking after every answer. */
export class World {
  readonly memory: MemoryPorts;
  readonly oracle: Oracle;
  readonly plan: Plan;
  readonly old: Credential | null;
  /** The workflows that the version of its workers knows. */
  workflows = known;
  #point = 0;
  #holders = 0;

  constructor(readonly scenario: Scenario) {
    const answering: Parameters<typeof memoryPorts>[1] = (consumer, phase, version) =>
      scenario.answer(consumer, phase, version);
    this.memory = memoryPorts({ capabilities: scenario.capabilities, endpoints: ['one', 'two'] }, answering);
    this.plan = aPlan({
      ...scenario.plan,
      capabilities: scenario.capabilities,
      workflow: { name: scenario.workflow, number: 1 },
    });
    this.old = scenario.startsWithout ? null : this.#adopt();
    this.memory.state.accept(this.plan, [`secret ${this.plan.secret}`]);
    this.oracle = new Oracle(this);
    scenario.prepare?.(this);
  }

  get state(): RotationState {
    return fold(this.memory.state.load(this.plan.rotationId)?.events ?? []);
  }

  /** What `current` names, for a consumer that reads and logs in now. */
  current(): Credential | null {
    const stored = this.memory.store.read(this.plan.secret, 'current');
    return stored === null ? null : parseCredential(stored.value, this.plan.fields, this.plan.path);
  }

  /**
   * Runs the rotation until it has ended, is parked, or nothing is due. At each of `at`, in their order, whoever is the
   * executor then is interrupted. *Returns* how many points there were.
   */
  run(...at: readonly At[]): number {
    const points = this.#driveToRest(at);
    this.oracle.atRest();
    return points;
  }

  #driveToRest(at: readonly At[]): number {
    let paused: Paused | undefined;
    for (let wakeups = 0; wakeups < maxWakeups; wakeups += 1) {
      const due = this.memory.state.nextDueMs();
      if (paused !== undefined && (due === undefined || due > paused.latestMs)) {
        this.#resume(paused);
        paused = undefined;
        continue;
      }
      if (due === undefined) return this.#point;
      this.#passTo(due);
      this.scenario.meanwhile?.(this);
      const work = advance(this.plan.rotationId, {
        holder: `worker-${(this.#holders += 1)}`,
        leaseMs,
        workflows: this.workflows,
      });
      const stopped = this.#drive(work, at);
      if (stopped?.how === 'late') paused = { work, request: stopped.request, latestMs: this.#latestMs() };
    }
    this.oracle.violate('L1', 'the rotation does not come to rest');
    return this.#point;
  }

  /** Until when a request of the executor that is paused now may still be sent: for ever where the target can fence. */
  #latestMs(): number {
    const { fence, settleMs } = this.scenario.capabilities;
    if (fence) return Number.POSITIVE_INFINITY;
    return (this.state.intent?.atMs ?? this.memory.clock.nowMs()) + settleMs - 1;
  }

  /** An executor that was paused past its lease sends what it was about to send, and goes on. */
  #resume({ work, request, latestMs }: Paused): void {
    if (Number.isFinite(latestMs)) this.#passTo(latestMs);
    let next = this.#answer(work, request);
    while (next.done !== true) next = this.#answer(work, next.value);
  }

  #passTo(ms: number): void {
    this.memory.clock.pass(Math.max(0, ms - this.memory.clock.nowMs()));
  }

  /** *Returns* the question at which the executor was interrupted; undefined: it went to its end. */
  #drive(
    work: Work<Advanced>,
    at: readonly At[],
  ): { readonly request: EngineRequest; readonly how: Interruption } | undefined {
    let next = work.next();
    while (next.done !== true) {
      const request = next.value;
      if (request.port !== 'process') this.#point += 1;
      const here = request.port === 'process' ? undefined : at.find((each) => each.point === this.#point);
      if (here !== undefined && here.how !== 'crash after') return { request, how: here.how };
      this.oracle.before(request);
      const answered = this.#answer(work, request);
      this.oracle.after(request);
      if (here !== undefined) return { request, how: here.how };
      next = answered;
    }
    return undefined;
  }

  #answer(work: Work<Advanced>, request: EngineRequest): IteratorResult<EngineRequest, Advanced> {
    let answer: unknown;
    try {
      answer = this.#ask(request);
    } catch (thrown) {
      return work.throw(thrown);
    }
    return work.next(answer);
  }

  #ask(request: EngineRequest): unknown {
    const meddled = this.scenario.meddle?.(this, request);
    if (meddled !== undefined) return meddled.answer;
    const { port, method, args, authority } = request;
    const members = this.memory.ports[port] as unknown as Readonly<
      Record<string, (...args: readonly unknown[]) => unknown>
    >;
    const member = members[method];
    if (member === undefined) throw new TypeError(`port ${port} has no ${method}`);
    if (authority === null) return member.call(members, ...args);
    const scope: Scope = { ...authority, signal: neverAborted, deadlineMs: 10_000 };
    return member.call(members, scope, ...args);
  }

  /** An old credential that was made by hand before Keyturn came. */
  #adopt(): Credential {
    const { clock, store, target } = this.memory;
    const identity =
      this.scenario.capabilities.overlap === 'one-live' ? this.plan.principal : `${this.plan.principal}_a`;
    const old = { identity, value: Secret.fromText('the-old-value-made-by-hand-0000000000') };
    target.adopt(old);
    store.putInitial(this.plan.secret, renderCredential(old, this.plan.fields));
    clock.pass(1_000);
    return old;
  }
}
