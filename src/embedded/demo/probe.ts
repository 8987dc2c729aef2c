import { setTimeout as delay } from 'node:timers/promises';
import { type Credential, parseCredential } from '../../core/credential.js';
import { type LoginPlace, codeOf, login } from './login.js';
import { type DemoState, names } from './parts.js';

/** What the probe has seen. */
export interface ProbeSeen {
  /** Looks at `current`, each with a login. */
  readonly looks: number;
  /** Looks whose login was refused though `current` named the same version before and after it. */
  readonly failures: number;
  readonly failedWith: readonly string[];
  /** Looks that say nothing: the login was refused, and `current` had moved on in the meantime. */
  readonly overtaken: number;
}

const everyMs = 20;
const fields = { identity: 'username', value: 'password' };

/**
 * Belongs to nobody and is known to nobody: reads `current` again and again and logs in with what it names. It shows
 * that at no time `current` names something that does not work.
 */
export class Probe {
  readonly #state: DemoState;
  readonly #target: LoginPlace;
  readonly #versions: (number | null)[] = [];
  readonly #failedWith: string[] = [];
  #looks = 0;
  #failures = 0;
  #overtaken = 0;
  #isStopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(state: DemoState, target: LoginPlace) {
    this.#state = state;
    this.#target = target;
  }

  start(): void {
    this.#running = (async () => {
      while (!this.#isStopping) {
        await this.#look();
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
    const failedWith = [...this.#failedWith];
    return { looks: this.#looks, failures: this.#failures, failedWith, overtaken: this.#overtaken };
  }

  /** Forgets which versions it saw, and gives a function that tells which it has seen since. */
  watchVersions(): () => readonly (number | null)[] {
    this.#versions.length = 0;
    return () => [...new Set(this.#versions)];
  }

  async #look(): Promise<void> {
    try {
      const found = await this.#current();
      this.#versions.push(found?.version ?? null);
      // Before the first credential there is nothing to log in with.
      if (found === null) return;
      const answer = await login(this.#target, found.credential);
      this.#looks += 1;
      if (answer === 'accepted') return;
      const after = await this.#current();
      if (after?.version === found.version) this.#fail(answer.refused);
      else this.#overtaken += 1;
    } catch (error) {
      this.#looks += 1;
      this.#fail(codeOf(error));
    }
  }

  #fail(code: string): void {
    this.#failures += 1;
    if (this.#failedWith.length < 10) this.#failedWith.push(code);
  }

  async #current(): Promise<{ readonly version: number; readonly credential: Credential } | null> {
    const found = await this.#state.read('current');
    if (found === null) return null;
    return { version: found.version, credential: parseCredential(found.value, fields, names.secret) };
  }
}
