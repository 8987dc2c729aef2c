import type { OldCredential } from '../../src/core/preflight.js';
import type { Plan } from '../../src/core/plan.js';
import type { Recorded, RotationEvent } from '../../src/core/rotation-event.js';
import type { Append } from '../../src/ports/journal.js';

/** What the commits of one rotation have said so far, kept as they are carried out: no journal is folded. */
export class Life {
  /** Null where there is none, or preflight has not passed. */
  old: OldCredential | null = null;
  /** The identity of the new credential; null while it is not chosen. */
  identity: string | null = null;
  /** The version of the new credential; null while it is not put. */
  version: number | null = null;
  system: string | null = null;
  decision: 'roll-back' | 'destroy' | null = null;
  status: 'open' | 'parked' | 'completed' | 'rolled_back' | 'cancelled' = 'open';
  /** When promote, and disable, were written down as done; null: not, or taken back. Milliseconds since 1970. */
  promotedMs: number | null = null;
  disabledMs: number | null = null;
  /** When a person last said that it goes on, or back. Milliseconds since 1970. */
  steeredMs = 0;
  /** When the newest intent of a step was written, by step. Milliseconds since 1970. */
  readonly intendedMs = new Map<string, number>();
  /** Every intent that was ever written, as `step epoch`. */
  readonly intents = new Set<string>();
  /** Those of them that the journal has. */
  readonly #journaled = new Set<string>();
  /** The act or final that may have happened without anybody having written down how it ended. */
  openIntent: string | null = null;
  /** How often `preflight` has passed: before that nothing was touched. */
  hasPassedPreflight = false;
  newestEpoch = 0;
  /** True where `disable` has been taken back since the database was rewound. */
  hasEnabledSince = false;
  #isWorkedOnSince = false;
  /** As it was when the database was rewound; null: it was not. */
  lost: Life | null = null;

  /** `startedMs`: when it was accepted. Milliseconds since 1970. */
  constructor(
    readonly plan: Plan,
    readonly startedMs: number,
  ) {}

  get isOpen(): boolean {
    return this.status === 'open' || this.status === 'parked';
  }

  /** What a database that was rewound still knows of it; what was meant at all remains true. */
  rewound(journal: readonly Recorded[]): Life {
    const life = new Life(this.plan, this.startedMs);
    for (const { event, epoch, atMs } of journal) {
      life.#note(event, epoch, atMs);
      life.newestEpoch = Math.max(life.newestEpoch, epoch);
    }
    for (const each of this.intents) life.intents.add(each);
    life.hasEnabledSince = false;
    life.lost = this;
    return life;
  }

  /** True for what was meant in what is lost, and in nothing else. */
  hasLost({ step, fence }: { readonly step: string; readonly fence: { readonly epoch: number } }): boolean {
    const meant = `${step} ${fence.epoch}`;
    return this.lost?.intents.has(meant) === true && !this.#journaled.has(meant);
  }

  /**
   * True where nobody has worked on it since the database was rewound. To have entered the new era is no work: what is on
   * its way is refused, or waited for, only before the next thing is meant.
   */
  get isUntouchedSince(): boolean {
    return this.lost !== null && !this.#isWorkedOnSince;
  }

  /** True where an intent of this step was ever written, be it in what is lost. */
  hasMeant(step: string): boolean {
    return [...this.intents].some((each) => each.startsWith(`${step} `));
  }

  /** Takes in one commit that was carried out. */
  take({ events, epoch }: Append, nowMs: number): void {
    const isNewer = this.lost !== null && epoch > this.lost.newestEpoch;
    this.#isWorkedOnSince ||= isNewer && events.some(({ kind }) => kind !== 'EraEntered' && kind !== 'CommandTaken');
    for (const event of events) this.#note(event, epoch, nowMs);
  }

  #note(event: RotationEvent, epoch: number, nowMs: number): void {
    switch (event.kind) {
      case 'StepIntended':
      case 'UndoIntended':
        this.intents.add(`${event.step} ${epoch}`);
        this.#journaled.add(`${event.step} ${epoch}`);
        this.intendedMs.set(event.step, nowMs);
        this.openIntent = event.step;
        return;
      case 'StepDone':
        this.openIntent = null;
        return this.#done(event.step, event.output, nowMs);
      case 'UndoDone':
        this.openIntent = null;
        if (event.step === 'promote' || event.step === 'swap') this.promotedMs = null;
        if (event.step === 'disable') {
          this.disabledMs = null;
          this.hasEnabledSince = true;
        }
        return;
      case 'RollbackDecided':
        this.decision = 'roll-back';
        this.status = 'open';
        return;
      case 'DestroyDecided':
        this.decision = 'destroy';
        return;
      case 'Parked':
        this.status = 'parked';
        return;
      case 'CommandTaken':
        this.status = 'open';
        this.steeredMs = nowMs;
        return;
      case 'RotationClosed':
        this.status = event.status;
        return;
      default:
    }
  }

  /** Outputs are JSON by now; what they hold is what the steps of our own workflows hand on. */
  #done(step: string, output: unknown, nowMs: number): void {
    const told = (output ?? {}) as Readonly<Record<string, unknown>>;
    switch (step) {
      case 'preflight':
        this.hasPassedPreflight = true;
        this.old = told['old'] as OldCredential | null;
        this.system = told['system'] as string;
        return;
      case 'propose':
      case 'create':
        this.identity = told['identity'] as string;
        return;
      case 'stage':
        this.version = told['version'] as number;
        return;
      case 'promote':
      case 'swap':
        this.promotedMs = nowMs;
        return;
      case 'disable':
        this.disabledMs = nowMs;
        return;
      default:
    }
  }
}
