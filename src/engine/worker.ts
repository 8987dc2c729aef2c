import type { Workflow } from '../contract/workflow.js';
import { isKeyturnError } from '../core/errors.js';
import type { BoundEnginePorts } from '../ports/engine-ports.js';
import type { Deliveries, WebhookSender } from '../ports/operations.js';
import type { WakeupSource, Wakeups } from '../ports/wakeups.js';
import { type Advanced, advance } from './advance.js';
import { Deliverer } from './deliverer.js';
import { perform } from './perform.js';
import type { Sweep } from './sweep.js';

/** What a worker stands on. */
export interface WorkerParts {
  readonly ports: Omit<BoundEnginePorts, 'process'>;
  readonly workflows: readonly Workflow[];
  readonly wakeups: Wakeups;
  readonly source: WakeupSource;
  readonly deliveries: Deliveries;
  readonly sender: WebhookSender;
  /** Made with the worker's own handlers, so that it can do by itself what the queue does not ring for. */
  readonly sweep: (handlers: WorkerHandlers) => Sweep;
  readonly log: WorkerLog;
  readonly options: WorkerOptions;
}

/** How a worker works. */
export interface WorkerOptions {
  /** Names it in leases, audit and logs: letters, digits and dashes. */
  readonly holder: string;
  /** Rotations at one time. */
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly callDeadlineMs: number;
}

/** What a worker does when it rings, and what the sweep does when nothing rings. */
export interface WorkerHandlers {
  readonly rotation: (rotationId: string) => Promise<void>;
  readonly delivery: (deliveryId: string) => Promise<void>;
}

/** What a worker says. Facts never hold a value. */
export interface WorkerLog {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
  debug(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** What is still due sooner than this is worth doing in the same wakeup. Milliseconds. */
const SOON_MS = 25;

/** Less than the 30 s that supervisors give a process before they kill it. */
const STOP_WITHIN_MS = 25_000;

/** A ring may come so much before or after its time; what is lost by that the sweep makes good within a second or two. */
const EARLY_MS = 1_000;

/** Advances in one wakeup before the queue gets its turn again. */
const MAX_ADVANCES = 50;

/** Takes rings and advances rotations. `stop` finishes the effects in hand and gives the leases back. */
export class Worker {
  readonly #parts: WorkerParts;
  readonly #inWork = new Set<Promise<void>>();
  /** Rotations in hand, and whether it rang for them again meanwhile. */
  readonly #inHand = new Map<string, { again: boolean }>();
  readonly #deliverer: Deliverer;
  readonly #sweep: Sweep;
  /** When the ring comes that it has asked for, on this process's clock. Milliseconds. */
  readonly #rungFor = new Map<string, number>();
  #stopping = false;
  #rings = 0;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#deliverer = new Deliverer(parts, () => this.#stopping);
    this.#sweep = parts.sweep(this.handlers);
  }

  get handlers(): WorkerHandlers {
    return {
      rotation: (rotationId) => this.#track(this.#take(rotationId)),
      delivery: (deliveryId) => this.#track(this.#deliverer.ring(deliveryId)),
    };
  }

  /** Never fails for a queue that is down: it is tried again by itself, and the sweep goes on meanwhile. */
  async start(): Promise<void> {
    const { source, options, log } = this.#parts;
    this.#sweep.start();
    try {
      await source.start(this.handlers, options.concurrency);
    } catch (thrown) {
      log.warn({ code: codeOf(thrown) }, 'queue is not ready, the sweep works without it');
    }
    log.info({ holder: options.holder, concurrency: options.concurrency, leaseMs: options.leaseMs }, 'worker started');
  }

  /** Waits for the effects in hand, but not for ever: what takes longer is taken up by another worker, as after a kill. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { source, options, log } = this.#parts;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<'left'>((resolve) => {
      timer = setTimeout(() => resolve('left'), STOP_WITHIN_MS);
    });
    const ended = Promise.all([
      this.#sweep.stop(),
      source.stop(),
      Promise.allSettled(this.#inWork),
      this.#deliverer.ended(),
    ]);
    const how = await Promise.race([ended.then(() => 'ended' as const), patience]);
    clearTimeout(timer);
    if (how === 'left')
      log.warn({ holder: options.holder, inWork: this.#inWork.size }, 'worker stopped with work in hand');
    else log.info({ holder: options.holder }, 'worker stopped');
  }

  /** A second ring for a rotation in hand would take its lease away from the first: it is answered afterwards. */
  async #take(rotationId: string): Promise<void> {
    const inHand = this.#inHand.get(rotationId);
    if (inHand !== undefined) {
      inHand.again = true;
      return;
    }
    const mine = { again: true };
    this.#inHand.set(rotationId, mine);
    try {
      while (mine.again && !this.#stopping) {
        mine.again = false;
        await this.#advance(rotationId);
      }
    } finally {
      this.#inHand.delete(rotationId);
    }
  }

  /** Takes one rotation as far as it goes now. Errors end here: the sweep finds the rotation again. */
  async #advance(rotationId: string): Promise<void> {
    const { ports, workflows, options, log } = this.#parts;
    const bound: BoundEnginePorts = {
      ...ports,
      process: { elapsedMs: () => performance.now(), stopping: () => this.#stopping },
    };
    try {
      for (let count = 0; count < MAX_ADVANCES && !this.#stopping; count += 1) {
        const advanced = await perform(advance(rotationId, { ...options, workflows }), bound, options);
        log.debug({ rotationId, ...advanced }, 'rotation advanced');
        if (advanced.kind !== 'rests' || advanced.againInMs === null || advanced.againInMs > SOON_MS) {
          return await this.#ringAgain(rotationId, advanced);
        }
      }
      await this.#ringAgain(rotationId, { kind: 'refused', againInMs: 0 });
    } catch (thrown) {
      log.warn({ rotationId, code: codeOf(thrown) }, 'rotation not advanced, the sweep takes it up');
    }
  }

  /**
   * A hint: when it is lost, the due time in the database is what counts.
   *
   * Where a ring is on its way that comes soon enough there is no other: every wakeup ends with a ring, so that one by the
   * sweep or a person would begin a further row of looks beside the first, which ends as late.
   */
  async #ringAgain(rotationId: string, advanced: Advanced): Promise<void> {
    if (advanced.kind === 'lost' || advanced.kind === 'unknown-rotation' || advanced.againInMs === null) {
      this.#rungFor.delete(rotationId);
      return;
    }
    const nowMs = performance.now();
    const comesMs = this.#rungFor.get(rotationId) ?? 0;
    const wantedMs = nowMs + advanced.againInMs;
    if (comesMs - nowMs > EARLY_MS && comesMs <= wantedMs + EARLY_MS) return;
    for (const [other, pastMs] of this.#rungFor) if (pastMs < nowMs) this.#rungFor.delete(other);
    this.#rungFor.set(rotationId, wantedMs);
    this.#rings += 1;
    const key = `${this.#parts.options.holder}-${this.#rings}`;
    await this.#parts.wakeups
      .ring({ about: 'rotation', id: rotationId, key, delayMs: advanced.againInMs, urgent: false })
      .catch(() => undefined);
  }

  async #track(work: Promise<void>): Promise<void> {
    this.#inWork.add(work);
    try {
      await work;
    } catch (thrown) {
      this.#parts.log.warn({ code: codeOf(thrown) }, 'wakeup failed, the sweep takes it up');
    } finally {
      this.#inWork.delete(work);
    }
  }
}

/** The code of a known error, else the kind of the unknown one: its text may hold anything. */
function codeOf(thrown: unknown): string {
  if (isKeyturnError(thrown)) return thrown.code;
  return thrown instanceof Error ? thrown.name : typeof thrown;
}
