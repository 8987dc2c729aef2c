import type { Workflow } from '../../src/contract/workflow.js';
import { type Advanced, advance } from '../../src/engine/advance.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { Chance } from './chance.js';
import { type Answering, Drive, type Fate, type Process } from './drive.js';
import type { Profile } from './profile.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

/** What the executors of a world share. */
export interface ExecutorParts {
  readonly time: VirtualTime;
  readonly profile: Profile;
  readonly trace: Trace;
  readonly answering: Answering;
  /** Asks the queue to ring again; a hint. */
  readonly ringAgain: (rotationId: string, delayMs: number) => void;
  /** What the newest version knows, and what an older one knows. */
  readonly workflows: { readonly newest: readonly Workflow[]; readonly older: readonly Workflow[] };
}

/** What every worker has unless it is told otherwise. Milliseconds. */
const leaseMs = 5_000;
const callDeadlineMs = 20_000;

/** As in `Worker`: what is due sooner is done in the same wakeup, and the queue gets its turn after this many. */
const SOON_MS = 25;
const MAX_ADVANCES = 50;

/** Rotations at one time. */
const CONCURRENCY = 4;

/** How long a supervisor waits before it kills what was asked to stop. */
const STOP_WITHIN_MS = 25_000;

/** Questions that change something: there a kill or a pause says more. */
const telling = new Set(['append', 'create', 'disable', 'enable', 'destroy', 'raise', 'putPending', 'moveCurrent']);

const goes: Fate = { kind: 'goes' };

/**
 * One worker process: takes rings, drives the shipped engine, and is paused, killed, stopped and started again. What
 * `Worker` does around `advance` with promises is done here without.
 */
export class Executor implements Process {
  readonly leaseMs = leaseMs;
  readonly callDeadlineMs = callDeadlineMs;
  readonly #parts: ExecutorParts;
  readonly #chance: Chance;
  /** An hour wrong, one way or the other, or right. */
  readonly #wrongMs: number;
  /** Rotations in hand, and whether it rang for them again meanwhile. */
  readonly #inHand = new Map<string, { again: boolean; drive: Drive | null }>();
  #workflows: readonly Workflow[];
  #life = 1;
  #isAlive = true;
  #isStopping = false;
  #pausedUntilMs = 0;

  constructor(
    readonly name: string,
    chance: Chance,
    parts: ExecutorParts,
  ) {
    this.#chance = chance;
    this.#parts = parts;
    const wrongMs = chance.pick([-3_600_000, 3_600_000]);
    this.#wrongMs = parts.profile.strikes('wrong-clock', chance, 0.5) ? wrongMs : 0;
    this.#workflows = this.#installed();
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** True where it takes another ring now. */
  get hasPlace(): boolean {
    return this.#isAlive && !this.#isStopping && this.#inHand.size < CONCURRENCY;
  }

  get isIdle(): boolean {
    return this.#inHand.size === 0;
  }

  /** A second ring for a rotation in hand would take its lease away from the first: it is answered afterwards. */
  take(rotationId: string): void {
    if (!this.#isAlive) return;
    const pausedForMs = this.pausedForMs();
    if (pausedForMs > 0) return this.#parts.time.after(pausedForMs, () => this.take(rotationId));
    const inHand = this.#inHand.get(rotationId);
    if (inHand !== undefined) {
      inHand.again = true;
      return;
    }
    this.#inHand.set(rotationId, { again: false, drive: null });
    this.#advance(rotationId, 1);
  }

  #advance(rotationId: string, count: number): void {
    const inHand = this.#inHand.get(rotationId);
    if (inHand === undefined) return;
    const { time, answering } = this.#parts;
    const work = advance(rotationId, { holder: `${this.name}-${this.#life}`, leaseMs, workflows: this.#workflows });
    inHand.drive = new Drive(work, { process: this, time, answering }, (advanced) =>
      this.#onAdvanced(rotationId, count, advanced),
    );
    inHand.drive.start();
  }

  #onAdvanced(rotationId: string, count: number, advanced: Advanced | null): void {
    this.#note(`${rotationId} ${advanced === null ? 'broke off' : advanced.kind}`);
    const inHand = this.#inHand.get(rotationId);
    if (inHand === undefined) return;
    const isSoon = advanced?.kind === 'rests' && advanced.againInMs !== null && advanced.againInMs <= SOON_MS;
    if (isSoon && !this.#isStopping) {
      if (count < MAX_ADVANCES) return this.#advance(rotationId, count + 1);
      this.#parts.ringAgain(rotationId, 0);
    } else if (advanced !== null && 'againInMs' in advanced && advanced.againInMs !== null) {
      this.#parts.ringAgain(rotationId, advanced.againInMs);
    }
    if (inHand.again && !this.#isStopping) {
      inHand.again = false;
      return this.#advance(rotationId, 1);
    }
    this.#inHand.delete(rotationId);
    if (this.#isStopping && this.isIdle) this.kill();
  }

  // The process

  elapsedMs(): number {
    return this.#parts.time.nowMs + this.#wrongMs;
  }

  stopping(): boolean {
    return this.#isStopping;
  }

  pausedForMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#parts.time.nowMs);
  }

  fateAt({ method }: EngineRequest): Fate {
    const { profile } = this.#parts;
    const weight = telling.has(method) ? 4 : 1;
    if (profile.strikes('kill', this.#chance, 0.002 * weight)) {
      return { kind: 'killed', when: this.#chance.pick(['before', 'sent', 'answered']) };
    }
    if (profile.strikes('pause', this.#chance, 0.002 * weight)) {
      const forMs = Math.round(leaseMs * this.#chance.pick([0.3, 0.9, 1.1, 2, 5, 12])) + this.#chance.below(500);
      return { kind: 'paused', when: this.#chance.pick(['before', 'sent']), forMs };
    }
    return goes;
  }

  latency(_: EngineRequest): { readonly totalMs: number; readonly untilEffectMs: number } {
    const drawn = this.#chance.below(64);
    if (this.#parts.profile.strikes('slow', this.#chance, 0.01)) {
      const totalMs = this.#chance.pick([800, 3_000, 7_000, 19_000, 30_000]) + drawn;
      return { totalMs, untilEffectMs: this.#chance.below(totalMs + 1) };
    }
    const totalMs = 1 + (drawn >> 3);
    return { totalMs, untilEffectMs: (drawn & 3) === 0 ? totalMs >> 1 : totalMs };
  }

  /** Gone at once; a supervisor starts it again. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#note('killed');
    this.#isAlive = false;
    for (const { drive } of this.#inHand.values()) drive?.abandon();
    this.#inHand.clear();
    this.#parts.time.after(this.#chance.pick([100, 1_000, 8_000]), () => this.#start());
  }

  pause(forMs: number): void {
    this.#note(`paused for ${forMs}`);
    this.#pausedUntilMs = this.#parts.time.nowMs + forMs;
  }

  /** SIGTERM: it finishes what it does, hands over, and is killed where that takes too long. */
  stop(): void {
    if (!this.#isAlive || this.#isStopping) return;
    this.#note('stopping');
    this.#isStopping = true;
    const life = this.#life;
    if (this.isIdle) return this.kill();
    this.#parts.time.after(STOP_WITHIN_MS, () => {
      if (life === this.#life) this.kill();
    });
  }

  /** Is given the newest version, where it has an older one. */
  upgrade(): void {
    if (this.#workflows !== this.#parts.workflows.newest) this.stop();
  }

  #start(): void {
    this.#life += 1;
    this.#isAlive = true;
    this.#isStopping = false;
    this.#pausedUntilMs = 0;
    this.#workflows = this.#installed();
    this.#note('started');
  }

  #installed(): readonly Workflow[] {
    const { profile, workflows } = this.#parts;
    return profile.strikes('old-version', this.#chance, 0.4) ? workflows.older : workflows.newest;
  }

  #note(what: string): void {
    this.#parts.trace.note(this.#parts.time.nowMs, `${this.name} ${what}`);
  }
}
