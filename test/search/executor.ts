import type { Workflow } from '../../src/contract/workflow.js';
import { type Advanced, advance } from '../../src/engine/advance.js';
import type { EngineRequest, Work } from '../../src/engine/request.js';
import type { Lease } from '../../src/ports/journal.js';
import stagedRotation from '../../workflows/staged-rotation.js';

const workflows: readonly Workflow[] = [stagedRotation];

/** How long a lease lasts in these worlds. Milliseconds. */
export const leaseMs = 5_000;

/** What an executor was told, newest first: it is a function of that, and shared by all that were told the same. */
interface Told {
  readonly before: Told | null;
  readonly answer: unknown;
  readonly failed: boolean;
}

/**
 * One wakeup of the shipped engine as plain data, kept right before a question that changes the world. A generator
 * cannot be copied; the same answers bring another one to the same place.
 */
export interface Executor {
  readonly rotationId: string;
  readonly holder: string;
  readonly told: Told | null;
  /** 0 until it was granted a lease. */
  readonly epoch: number;
  /** What it has been told, in short: two with the same will do the same. */
  readonly signature: string;
}

/** A generator at a question, with what brought it there. */
export class LiveExecutor {
  #executor: Executor;
  readonly #work: Work<Advanced>;
  #next: IteratorResult<EngineRequest, Advanced>;

  constructor(executor: Executor) {
    this.#executor = executor;
    const { rotationId, holder } = executor;
    this.#work = advance(rotationId, { holder, leaseMs, workflows });
    this.#next = this.#work.next();
    const answers: Told[] = [];
    for (let each = executor.told; each !== null; each = each.before) answers.push(each);
    for (const each of answers.reverse()) this.#step(each.answer, each.failed);
  }

  get executor(): Executor {
    return this.#executor;
  }

  /** What it asks now; null: it has come to its end. */
  get request(): EngineRequest | null {
    return this.#next.done === true ? null : this.#next.value;
  }

  /** Answers its question. `sign` says in short what the answer means to it. */
  tell(answer: unknown, failed: boolean, sign: (before: string, answer: unknown) => string): void {
    const before = this.#executor;
    const { request } = this;
    const epoch = request?.port === 'leases' && request.method === 'acquire' ? granted(answer as Lease) : before.epoch;
    const told = { before: before.told, answer, failed };
    this.#executor = { ...before, told, epoch, signature: sign(before.signature, answer) };
    this.#step(answer, failed);
  }

  #step(answer: unknown, failed: boolean): void {
    this.#next = failed ? this.#work.throw(answer) : this.#work.next(answer);
  }
}

/** An executor that has just been woken. */
export function wokenExecutor(rotationId: string, holder: string): Executor {
  return { rotationId, holder, told: null, epoch: 0, signature: '' };
}

function granted(lease: Lease): number {
  return lease.kind === 'granted' ? lease.fence.epoch : 0;
}
