import { setTimeout as delay } from 'node:timers/promises';
import { type KeyturnError, type RotatorContext, isKeyturnError, keyturnError } from 'keyturn/rotator';

/** Of a call's time, what is kept for handing back what it has learned. Milliseconds. */
const reserveMs = 500;

/** One call of the engine: what it is for, and how much of its time is left. */
export class Call {
  readonly #beganMs = performance.now();
  /** Aborted by the engine, or when the time of the call is over. */
  readonly signal: AbortSignal;

  constructor(
    /** `create`, `destroy`, …: for errors. */
    readonly action: string,
    readonly ctx: RotatorContext,
  ) {
    this.signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(Math.max(1, ctx.deadlineMs))]);
  }

  /** What is left to be used. Milliseconds; 0 and less: nothing. */
  get leftMs(): number {
    return this.ctx.deadlineMs - reserveMs - (performance.now() - this.#beganMs);
  }

  /** Waits. *Errors* as {@link aborted} with `none`. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.signal }).catch(() => {
      throw this.aborted('none');
    });
  }

  /** *Errors* as {@link aborted} with `none`, where nothing may be sent any more. */
  refuseAborted(): void {
    if (this.signal.aborted) throw this.aborted('none');
  }

  /** The error of a call that was cut off. */
  aborted(outcome: 'none' | 'unknown'): KeyturnError {
    const reason: unknown = this.ctx.signal.reason;
    if (isKeyturnError(reason)) return reason;
    return keyturnError('DEADLINE_EXCEEDED', { call: this.action, deadlineMs: this.ctx.deadlineMs, outcome });
  }
}
