import { setTimeout as delay } from 'node:timers/promises';
import type { Credential } from '../../src/core/credential.js';
import type { LoginPlace } from '../../src/embedded/demo/login.js';
import type { RotationRow } from '../../src/ports/operations.js';
import { type LoadSecret, secrets } from './cast.js';
import { attemptLogin } from './login-attempt.js';
import type { StateView } from './state-view.js';

/** A credential that a rotation has replaced. */
export interface OldCredential {
  readonly secret: string;
  readonly version: number;
  readonly credential: Credential;
}

/** A rotation that ended in any other way than `completed`. */
export interface Unfinished extends Pick<RotationRow, 'rotationId' | 'secret' | 'step' | 'code'> {
  readonly status: RotationRow['status'] | 'open';
}

/** What the lanes work with. */
export interface LaneParts {
  readonly state: StateView;
  readonly target: LoginPlace;
  /** Ends the lanes at once: what is open stays so. */
  readonly signal: AbortSignal;
}

const lookEveryMs = 300;

/**
 * One rotation after the other of every secret, all secrets at the same time. A secret whose rotation parked is left as
 * it is, because only one of its rotations may be open.
 */
export class RotationLanes {
  readonly #parts: LaneParts;
  readonly #olds: OldCredential[] = [];
  readonly #accepted: OldCredential[] = [];
  readonly #unfinished: Unfinished[] = [];
  readonly #tookMs: number[] = [];
  readonly #open = new Map<string, string>();
  #asked = 0;
  #lastEndedMs = performance.now();

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  get asked(): number {
    return this.#asked;
  }

  get completed(): number {
    return this.#tookMs.length;
  }

  /** Every credential that a completed rotation has replaced. */
  get olds(): readonly OldCredential[] {
    return this.#olds;
  }

  /** Those of them that could still log in when their rotation had completed. */
  get accepted(): readonly OldCredential[] {
    return this.#accepted;
  }

  /** Rotations that ended otherwise, and those that are still open. */
  get unfinished(): readonly Unfinished[] {
    const open = [...this.#open].map(([rotationId, secret]) => ({ rotationId, secret }));
    return [...this.#unfinished, ...open.map((each) => ({ ...each, status: 'open' as const, step: '', code: null }))];
  }

  /** From request to end, of those that completed. Milliseconds. */
  get tookMs(): readonly number[] {
    return this.#tookMs;
  }

  /** When the last rotation ended, or the first was asked for. On the clock of `performance.now()`. */
  get lastEndedMs(): number {
    return this.#lastEndedMs;
  }

  /** One rotation of every secret. Resolves when all of them have ended. */
  async runOnce(): Promise<void> {
    await Promise.all(secrets.map((secret) => this.#rotate(secret)));
  }

  /** Asks for rotations as long as `mayAsk` says so. Resolves when all of them have ended. */
  async run(mayAsk: () => boolean): Promise<void> {
    const lane = async (secret: LoadSecret): Promise<void> => {
      while (mayAsk() && !this.#parts.signal.aborted) {
        const row = await this.#rotate(secret);
        if (row === undefined || row.status === 'parked') return;
      }
    };
    await Promise.all(secrets.map(lane));
  }

  /** *Returns* undefined where the lanes were ended before it had. */
  async #rotate(secret: LoadSecret): Promise<RotationRow | undefined> {
    const { state, target, signal } = this.#parts;
    this.#asked += 1;
    const old = await state.current(secret);
    const rotationId = await state.ask(secret);
    this.#open.set(rotationId, secret.id);
    let row = await state.ended(rotationId);
    while (row === undefined && !signal.aborted) {
      await delay(lookEveryMs, undefined, { signal }).catch(() => {});
      row = await state.ended(rotationId);
    }
    if (row === undefined) return undefined;
    this.#open.delete(rotationId);
    this.#lastEndedMs = performance.now();
    if (row.status !== 'completed') {
      const { status, step, code } = row;
      this.#unfinished.push({ rotationId, secret: secret.id, status, step, code });
      return row;
    }
    this.#tookMs.push((row.closedAtMs ?? row.requestedAtMs) - row.requestedAtMs);
    if (old === null) return row;
    const replaced = { secret: secret.id, ...old };
    this.#olds.push(replaced);
    if ((await attemptLogin(target, old.credential)).kind !== 'refused') this.#accepted.push(replaced);
    return row;
  }
}
