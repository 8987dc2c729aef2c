import { isKeyturnError } from '../core/errors.js';
import type { Tagged } from '../core/observation.js';
import type { Calendar, SweepQueries } from '../ports/operations.js';
import type { Wakeups } from '../ports/wakeups.js';
import { RUNG_TOGETHER } from './deliverer.js';
import type { WorkerHandlers, WorkerLog } from './worker.js';

/** What the sweep stands on. */
export interface SweepParts {
  readonly queries: SweepQueries;
  readonly calendar: Calendar;
  readonly wakeups: Wakeups;
  /** The environments whose configuration this worker has. */
  readonly environments: readonly string[];
  /**
   * Asks for the rotation of a due time. *Repeat*: the same due time gives the same rotation, so it is made once. One
   * that is open already, or a principal at work, is not an error.
   */
  readonly startScheduled: (secret: string, dueAtMs: number) => Promise<void>;
  /** Told that the queue takes rings and hands out nothing: what takes them from it is to be built anew. */
  readonly onSilentQueue: () => void;
  /** Audits what `current` names; null: all well. */
  readonly audit: (secret: string) => Promise<string | null>;
  /** What lives at the target of a secret with our tag and nothing explains. */
  readonly orphans: (secret: string) => Promise<readonly Tagged[]>;
  readonly log: WorkerLog;
  /** Milliseconds between two sweeps. */
  readonly everyMs: number;
  /** Milliseconds between two looks for webhooks alone: nobody rings for those that a commit has just made. */
  readonly webhooksEveryMs: number;
  /** How many each query takes at a time; of webhooks, of which each is only marked, twenty times as many. */
  readonly batch: number;
}

/** One event may be owed to a thousand endpoints, which do not wait for the next sweep. */
const WEBHOOKS_PER_BATCH = 20;

/** Rings that nobody answers before the sweep does the work itself: the queue takes them and hands out nothing. */
const UNANSWERED_RINGS = 5;

/**
 * The safety net under the queue, on every worker: due secrets, unattended rotations, unsent webhooks, audits of what
 * `current` names, secrets that are overdue, policies of parameters. Each is one indexed query. What it finds it rings for; what the queue does not take, or takes and
 * never hands out, it does itself.
 */
export class Sweep {
  readonly #parts: SweepParts;
  readonly #handlers: WorkerHandlers;
  readonly #unanswered = new Map<string, number>();
  readonly #inWork = new Set<Promise<void>>();
  /** The parts that failed the last time. */
  readonly #failing = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  #isAuditing = false;
  #stopped = false;

  constructor(parts: SweepParts, handlers: WorkerHandlers) {
    this.#parts = parts;
    this.#handlers = handlers;
  }

  start(): void {
    const { everyMs, webhooksEveryMs } = this.#parts;
    this.#repeat(everyMs, () => {
      this.#auditAlongside();
      return this.#find();
    });
    this.#repeat(webhooksEveryMs, () => this.#findWebhooks());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#running);
    await Promise.all(this.#inWork);
  }

  /** One sweep, with the audits that are due. A part that fails is left to the next. */
  async once(): Promise<void> {
    await this.#find();
    await this.#findWebhooks();
    await this.#guarded('alias audits', () => this.#audit());
  }

  /** Begins at once, and again so long after each end. */
  #repeat(everyMs: number, work: () => Promise<void>): void {
    const again = (): void => {
      if (this.#stopped) return;
      const running = work().then(() => {
        this.#running.delete(running);
        if (this.#stopped) return;
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          again();
        }, everyMs);
        this.#timers.add(timer);
      });
      this.#running.add(running);
    };
    again();
  }

  async #find(): Promise<void> {
    await this.#guarded('due secrets', () => this.#startDue());
    await this.#guarded('unattended rotations', () => this.#ringUnattended());
    await this.#guarded('overdue secrets', () => this.#tellOverdue());
    await this.#guarded('policies of parameters', () => this.#tellPolicies());
  }

  async #findWebhooks(): Promise<void> {
    await this.#guarded('unsent webhooks', () => this.#ringUndelivered());
  }

  /**
   * Audits ask targets and stores, and after a takeover there are as many as there are secrets: rotations that wait for
   * the sweep do not wait for them.
   */
  #auditAlongside(): void {
    if (this.#isAuditing) return;
    this.#isAuditing = true;
    this.#byItself(this.#guarded('alias audits', () => this.#audit()).finally(() => (this.#isAuditing = false)));
  }

  /** A trouble is told of once, not every second, and so is its end. */
  async #guarded(part: string, work: () => Promise<void>): Promise<void> {
    const { log } = this.#parts;
    try {
      await work();
      if (this.#failing.delete(part)) log.info({ part }, 'sweep well again');
    } catch (thrown) {
      const code = isKeyturnError(thrown) ? thrown.code : thrown instanceof Error ? thrown.name : typeof thrown;
      log[this.#failing.has(part) ? 'debug' : 'warn']({ part, code }, 'sweep left to the next');
      this.#failing.add(part);
    }
  }

  /** The rotation is asked for first: a worker that dies in between loses nothing, and the next asks for the same one. */
  async #startDue(): Promise<void> {
    const { queries, calendar, environments, batch, startScheduled } = this.#parts;
    for (const due of await queries.due(environments, batch)) {
      // One secret that cannot be started is still due the next time, and must not hold up those after it.
      await this.#guarded(`due secret ${due.secret}`, async () => {
        await startScheduled(due.secret, due.dueAtMs);
        await queries.reschedule(due.secret, due.dueAtMs, calendar.next(due.cron, due.timezone, due.nowMs));
      });
    }
  }

  async #ringUnattended(): Promise<void> {
    const { queries, batch, everyMs } = this.#parts;
    const found = await queries.unattended(batch, everyMs);
    const seen = new Set(found.map((each) => each.rotationId));
    for (const rotationId of this.#unanswered.keys()) if (!seen.has(rotationId)) this.#unanswered.delete(rotationId);
    for (const { rotationId, key, urgent } of found) {
      const rings = (this.#unanswered.get(rotationId) ?? 0) + 1;
      this.#unanswered.set(rotationId, rings);
      if (rings === UNANSWERED_RINGS) this.#parts.onSilentQueue();
      const rung = rings < UNANSWERED_RINGS && (await this.#ring('rotation', rotationId, key, urgent));
      if (!rung) this.#byItself(this.#handlers.rotation(rotationId));
    }
  }

  /** One ring for many, because who answers it takes what else is due as well. */
  async #ringUndelivered(): Promise<void> {
    const { queries, batch, everyMs } = this.#parts;
    const found = await queries.undelivered(batch * WEBHOOKS_PER_BATCH, everyMs);
    const rungFor = found.filter((_, index) => index % RUNG_TOGETHER === 0);
    await Promise.all(
      rungFor.map(async ({ deliveryId, key }) => {
        const isRung = await this.#ring('delivery', deliveryId, key, false);
        if (!isRung) this.#byItself(this.#handlers.delivery(deliveryId));
      }),
    );
  }

  /** Nobody waits for it: one slow target must not keep the sweep from the others. What fails is found again. */
  #byItself(work: Promise<void>): void {
    const ended = work.catch(() => undefined).finally(() => this.#inWork.delete(ended));
    this.#inWork.add(ended);
  }

  async #ring(about: 'rotation' | 'delivery', id: string, key: string, urgent: boolean): Promise<boolean> {
    try {
      await this.#parts.wakeups.ring({ about, id, key, delayMs: 0, urgent });
      return true;
    } catch {
      return false;
    }
  }

  async #tellOverdue(): Promise<void> {
    const { queries, batch, log } = this.#parts;
    for (const { secret, dueAtMs } of await queries.overdue(batch)) {
      log.warn(
        { secretId: secret, dueAt: new Date(dueAtMs).toISOString() },
        'secret.overdue: a rotation was due and has not completed',
      );
    }
  }

  async #tellPolicies(): Promise<void> {
    const { queries, batch, log } = this.#parts;
    for (const told of await queries.policies(batch)) log.info(told, 'a policy of a parameter');
  }

  /** While a rotation is open its own gates look, and a label may rightly be on the move. */
  async #audit(): Promise<void> {
    const { queries, environments, batch, audit, orphans, log } = this.#parts;
    for (const { secret, openRotation } of await queries.audits(environments, batch)) {
      if (this.#stopped) return;
      if (openRotation !== null) continue;
      const problem = await audit(secret);
      await queries.audited(secret, problem);
      if (problem !== null) log.error({ secretId: secret, problem }, 'what current names does not work');
      await this.#guarded(`orphans of ${secret}`, async () => {
        for (const { identity, rotationId } of await orphans(secret))
          log.warn(
            { secretId: secret, identity, createdBy: rotationId },
            'an orphan: nothing explains this credential',
          );
      });
    }
  }
}
