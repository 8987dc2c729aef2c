import { isKeyturnError, keyturnError } from '../../src/core/errors.js';
import type { Advanced } from '../../src/engine/advance.js';
import type { EngineRequest, Work } from '../../src/engine/request.js';
import type { Lease } from '../../src/ports/journal.js';
import type { VirtualTime } from './virtual-time.js';

/** What happens to the executor at one of its questions. */
export type Fate =
  | { readonly kind: 'goes' }
  | { readonly kind: 'killed'; readonly when: 'before' | 'sent' | 'answered' }
  /** It stops in its tracks and goes on later as if nothing had been: with the question unsent, or without its answer. */
  | { readonly kind: 'paused'; readonly when: 'before' | 'sent'; readonly forMs: number };

/** What a drive needs of the process it runs in. */
export interface Process {
  readonly leaseMs: number;
  readonly callDeadlineMs: number;
  /** A clock of its own, which may be wrong. */
  elapsedMs(): number;
  stopping(): boolean;
  /** How long it stands still from now on. Milliseconds; 0: it runs. */
  pausedForMs(): number;
  fateAt(request: EngineRequest): Fate;
  /** From question to answer, and whether the effect comes before the answer. Milliseconds. */
  latency(request: EngineRequest): { readonly totalMs: number; readonly untilEffectMs: number };
  kill(): void;
  pause(forMs: number): void;
}

/** Carries out one question in the world. Throws what the port throws. */
export type Answering = (request: EngineRequest) => unknown;

type Told =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'thrown'; readonly thrown: unknown };

/** A lease of 5 s is renewed every 1.5 s, as `LeaseKeeper` does. */
const RENEW_FRACTION = 0.3;

/**
 * One wakeup of an executor: the shipped generator, its questions carried out one by one over virtual time, and its
 * lease kept as `perform` and `LeaseKeeper` keep it in production. What was sent arrives, whatever becomes of who sent it.
 */
export class Drive {
  readonly #work: Work<Advanced>;
  readonly #process: Process;
  readonly #time: VirtualTime;
  readonly #answering: Answering;
  readonly #ended: (advanced: Advanced | null) => void;
  /** Answers to any other call than this one are not heard any more. */
  #call = 0;
  #waitsUnder: EngineRequest['authority'] = null;
  #isOver = false;
  #lease: { readonly secret: string; readonly epoch: number } | null = null;
  #sentMs = 0;
  #believedUntilMs = 0;
  #isRenewing = false;
  #isLost = false;

  /** `ended` is told how it ended; null: by an error that the engine does not catch, or not at all. */
  constructor(
    work: Work<Advanced>,
    parts: { readonly process: Process; readonly time: VirtualTime; readonly answering: Answering },
    ended: (advanced: Advanced | null) => void,
  ) {
    this.#work = work;
    this.#process = parts.process;
    this.#time = parts.time;
    this.#answering = parts.answering;
    this.#ended = ended;
  }

  start(): void {
    this.#goOn({ kind: 'answered', answer: undefined });
  }

  /** The process is gone. What it has sent is on its way. */
  abandon(): void {
    this.#isOver = true;
    this.#lease = null;
  }

  #goOn(told: Told): void {
    let next: IteratorResult<EngineRequest, Advanced>;
    try {
      next = told.kind === 'answered' ? this.#work.next(told.answer) : this.#work.throw(told.thrown);
      while (next.done !== true && next.value.port === 'process') next = this.#work.next(this.#ownAnswer(next.value));
    } catch (thrown) {
      this.abandon();
      if (!isKeyturnError(thrown)) throw thrown;
      this.#ended(null);
      return;
    }
    if (next.done !== true) return this.#ask(next.value);
    this.abandon();
    this.#ended(next.value);
  }

  #ownAnswer({ method }: EngineRequest): unknown {
    return method === 'elapsedMs' ? this.#process.elapsedMs() : this.#process.stopping();
  }

  #ask(request: EngineRequest): void {
    this.#call += 1;
    this.#waitsUnder = request.authority;
    if (request.authority !== null && this.#isLost) return this.#goOn(lost(request.authority));
    const fate = this.#process.fateAt(request);
    switch (fate.kind) {
      case 'goes':
        return this.#send(request, false);
      case 'killed':
        if (fate.when === 'sent')
          this.#time.after(this.#process.latency(request).untilEffectMs, () => this.#arrive(request));
        if (fate.when === 'answered') return this.#send(request, true);
        return this.#process.kill();
      case 'paused': {
        this.#process.pause(fate.forMs);
        const call = this.#call;
        if (fate.when === 'sent') return this.#send(request, false);
        return this.#time.after(fate.forMs, () => this.#whenAwake(call, () => this.#send(request, false)));
      }
      default:
        fate satisfies never;
    }
  }

  #send(request: EngineRequest, dies: boolean): void {
    const call = this.#call;
    this.#sentMs = this.#time.nowMs;
    const { totalMs, untilEffectMs } = this.#process.latency(request);
    const { callDeadlineMs } = this.#process;
    if (request.authority !== null && totalMs >= callDeadlineMs) {
      this.#time.after(untilEffectMs, () => this.#arrive(request));
      this.#time.after(callDeadlineMs, () => this.#hearAwake(call, request, expired(request, callDeadlineMs), dies));
    } else if (untilEffectMs === totalMs) {
      this.#time.after(totalMs, () => this.#hearAwake(call, request, this.#arrive(request), dies));
    } else {
      this.#time.after(untilEffectMs, () => {
        const told = this.#arrive(request);
        this.#time.after(totalMs - untilEffectMs, () => this.#hearAwake(call, request, told, dies));
      });
    }
  }

  #hearAwake(call: number, request: EngineRequest, told: Told, dies: boolean): void {
    this.#whenAwake(call, () => this.#hear(request, told, dies));
  }

  /** It happens, whether or not anybody still waits for the answer. */
  #arrive(request: EngineRequest): Told {
    try {
      return { kind: 'answered', answer: this.#answering(request) };
    } catch (thrown) {
      if (!isKeyturnError(thrown)) throw thrown;
      return { kind: 'thrown', thrown };
    }
  }

  #whenAwake(call: number, then: () => void): void {
    if (this.#isOver || call !== this.#call) return;
    const pausedForMs = this.#process.pausedForMs();
    if (pausedForMs > 0) this.#time.after(pausedForMs, () => this.#whenAwake(call, then));
    else then();
  }

  #hear(request: EngineRequest, told: Told, dies: boolean): void {
    if (dies) return this.#process.kill();
    if (request.port === 'leases' && told.kind === 'answered') {
      if (request.method === 'acquire') this.#keep(told.answer as Lease);
      if (request.method === 'release') this.#lease = null;
    }
    this.#waitsUnder = null;
    this.#goOn(told);
  }

  #keep(lease: Lease): void {
    if (lease.kind !== 'granted') return;
    this.#lease = { secret: lease.secret, epoch: lease.fence.epoch };
    this.#believedUntilMs = this.#sentMs + this.#process.leaseMs;
    this.#tickLater(this.#process.leaseMs * RENEW_FRACTION);
  }

  #tickLater(ms: number): void {
    this.#time.after(ms, () => {
      if (this.#isOver || this.#lease === null) return;
      const pausedForMs = this.#process.pausedForMs();
      if (pausedForMs > 0) this.#tickLater(pausedForMs);
      else this.#tick(this.#lease);
    });
  }

  #tick(lease: { readonly secret: string; readonly epoch: number }): void {
    if (this.#time.nowMs >= this.#believedUntilMs) return this.#lose();
    this.#tickLater(this.#process.leaseMs * RENEW_FRACTION);
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    const askedMs = this.#time.nowMs;
    const renew = {
      port: 'leases',
      method: 'renew',
      args: [{ ...lease, ttlMs: this.#process.leaseMs }],
      authority: null,
    } as const;
    this.#time.after(this.#process.latency(renew).totalMs, () => this.#renewed(askedMs, this.#arrive(renew)));
  }

  /** An unreachable database is neither yes nor no. */
  #renewed(askedMs: number, told: Told): void {
    if (this.#isOver || this.#lease === null) return;
    const pausedForMs = this.#process.pausedForMs();
    if (pausedForMs > 0) return this.#time.after(pausedForMs, () => this.#renewed(askedMs, told));
    this.#isRenewing = false;
    if (told.kind !== 'answered') return;
    if (told.answer === true) this.#believedUntilMs = askedMs + this.#process.leaseMs;
    else this.#lose();
  }

  /** From now on nothing is asked for the rotation any more, and what is being waited for is given up. */
  #lose(): void {
    this.#lease = null;
    this.#isLost = true;
    if (this.#waitsUnder === null) return;
    const authority = this.#waitsUnder;
    this.#call += 1;
    this.#waitsUnder = null;
    this.#goOn(lost(authority));
  }
}

function lost({ plan }: NonNullable<EngineRequest['authority']>): Told {
  return { kind: 'thrown', thrown: keyturnError('LEASE_LOST', { secret: plan.path }) };
}

function expired({ port, method }: EngineRequest, deadlineMs: number): Told {
  return { kind: 'thrown', thrown: keyturnError('DEADLINE_EXCEEDED', { call: `${port}.${method}`, deadlineMs }) };
}
