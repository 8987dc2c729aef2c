import { setTimeout as delay } from 'node:timers/promises';
import { type LoginPlace, codeOf } from '../../src/embedded/demo/login.js';
import { type LoadSecret, secrets } from './cast.js';
import type { Failure } from './consumer-protocol.js';
import { attemptLogin } from './login-attempt.js';
import type { StateView } from './state-view.js';

/** What the probe has seen. */
export interface ProbeSeen {
  /** Logins with what `current` named. */
  readonly logins: number;
  /** Those that were refused, or not answered, though `current` named the same version before and after. */
  readonly failures: number;
  readonly firstFailures: readonly Failure[];
  /** Those that say nothing: refused, and `current` had moved on in the meantime. */
  readonly overtaken: number;
}

const everyMs = 20;
const maxKept = 20;

/**
 * Belongs to nobody and is known to nobody: reads `current` of one secret after the other and logs in with what it
 * names (I1).
 */
export class CurrentProbe {
  readonly #state: StateView;
  readonly #target: LoginPlace;
  readonly #first: Failure[] = [];
  #logins = 0;
  #failures = 0;
  #overtaken = 0;
  #isStopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(state: StateView, target: LoginPlace) {
    this.#state = state;
    this.#target = target;
  }

  start(): void {
    this.#running = (async () => {
      for (let turn = 0; !this.#isStopping; turn += 1) {
        const secret = secrets[turn % secrets.length];
        if (secret !== undefined) await this.#look(secret);
        await delay(everyMs);
      }
    })();
  }

  /** *Repeat*: harmless. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  seen(): ProbeSeen {
    const failures = { failures: this.#failures, firstFailures: [...this.#first] };
    return { logins: this.#logins, ...failures, overtaken: this.#overtaken };
  }

  async #look(secret: LoadSecret): Promise<void> {
    let version: number | null = null;
    try {
      const found = await this.#state.current(secret);
      if (found === null) return this.#fail(secret, null, 'current names nothing');
      version = found.version;
      const answer = await attemptLogin(this.#target, found.credential);
      this.#logins += 1;
      if (answer.kind === 'accepted') return;
      const after = await this.#state.current(secret);
      if (after?.version === found.version) this.#fail(secret, version, answer.code);
      else this.#overtaken += 1;
    } catch (error) {
      this.#fail(secret, version, codeOf(error));
    }
  }

  #fail(secret: LoadSecret, version: number | null, code: string): void {
    this.#failures += 1;
    if (this.#first.length >= maxKept) return;
    this.#first.push({ atMs: Date.now(), doing: 'a login with current', code, secret: secret.id, version });
  }
}
