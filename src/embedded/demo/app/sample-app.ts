import { setTimeout as delay } from 'node:timers/promises';
import type { Held, HeldChallenge } from '../../../consumer/index.js';
import type { Credential } from '../../../core/credential.js';
import { type LoginPlace, codeOf, heldValue, login } from '../login.js';
import type { AppCounters, AppOrder } from './app-protocol.js';
import { Holding } from './holding.js';
import { Tally } from './tally.js';

/** What the sample application works with. */
export interface SampleAppParts {
  readonly target: LoginPlace;
  readonly load: AppOrder['load'];
  /** Reads the store by label or number; null: there is no such version. */
  readonly read: (selector: 'current' | number) => Promise<StoredCredential | null>;
}

/** A version of the credential, as the store gives it. */
export interface StoredCredential {
  readonly version: number;
  readonly credential: Credential;
}

/** How hard it works: sessions of its pool, queries at once, and the pauses between them and between fresh logins. */
const loads = {
  busy: { sessions: 4, queriesAtOnce: 3, queryPauseMs: 15, loginPauseMs: 60 },
  light: { sessions: 1, queriesAtOnce: 1, queryPauseMs: 100, loginPauseMs: 400 },
} as const;

const pollMs = 500;

/**
 * An application like many: a pool of sessions, fresh logins beside it, and a credential that it reads as
 * `name:current`, when it is told and from time to time. It knows nothing of rotations but the answers to challenges.
 *
 * On a new version it opens a new pool, moves new work there, lets the old pool's queries finish and closes it; only
 * then does it say that it has moved. It never tries anything again: whatever fails is counted.
 */
export class SampleApp {
  readonly #parts: SampleAppParts;
  readonly #tally = new Tally();
  readonly #work: Promise<void>[] = [];
  #holding: Holding | undefined;
  #following: Promise<void> = Promise.resolve();
  #refusesNextCanary = false;
  #isResting = false;
  #isStopping = false;

  constructor(parts: SampleAppParts) {
    this.#parts = parts;
  }

  start(): void {
    const repeat = async (pauseMs: number, act: () => Promise<void> | undefined): Promise<void> => {
      while (!this.#isStopping) {
        await act();
        await delay(pauseMs);
      }
    };
    const { queriesAtOnce, queryPauseMs, loginPauseMs } = loads[this.#parts.load];
    for (let count = 0; count < queriesAtOnce; count += 1) {
      this.#work.push(repeat(queryPauseMs, () => this.#holding?.query()));
    }
    this.#work.push(repeat(loginPauseMs, () => this.#holding?.freshLogin()));
    this.#work.push(repeat(pollMs, () => this.follow()));
  }

  /** The canary asked for next is answered with a refusal, though it would work. */
  refuseNextCanary(): void {
    this.#refusesNextCanary = true;
  }

  /** Lets what is under way finish, closes every session, and reads nothing any more. */
  rest(): Promise<void> {
    this.#isResting = true;
    this.#following = this.#following.then(async () => {
      const holding = this.#holding;
      this.#holding = undefined;
      await holding?.close();
      this.#tally.version = null;
    });
    return this.#following;
  }

  /** Works again, with what `current` names by then. */
  wake(): void {
    this.#isResting = false;
    void this.follow();
  }

  counters(): AppCounters {
    return this.#tally.counters();
  }

  noteWebhook(): void {
    this.#tally.webhooks += 1;
  }

  /** Moves to what `current` names, if it is elsewhere. One move after the other. */
  follow(): Promise<void> {
    this.#following = this.#following.then(() => this.#move());
    return this.#following;
  }

  /** Answers a challenge: what this process holds, or what became of trying it. */
  async held({ phase, version }: HeldChallenge): Promise<Held> {
    this.#tally.challenges += 1;
    if (phase === 'canary') return this.#tryOut(version);
    await this.follow();
    const holding = this.#holding;
    if (holding?.version !== version) return { kind: 'pending' };
    return { kind: 'uses', value: heldValue(holding.credential) };
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#work);
    await this.#following;
    await this.#holding?.close();
  }

  /** A login of its own with the pending version; work goes on with the old one. */
  async #tryOut(version: number): Promise<Held> {
    if (this.#refusesNextCanary) {
      this.#refusesNextCanary = false;
      return { kind: 'refuses', reason: 'its own check with this version failed (the demo asked for that)' };
    }
    const pending = await this.#read(version);
    if (pending === null) return { kind: 'pending' };
    const answer = await login(this.#parts.target, pending.credential);
    if (answer === 'accepted') return { kind: 'uses', value: heldValue(pending.credential) };
    this.#tally.fail('a login with the pending version', answer.refused);
    return { kind: 'refuses', reason: `a login was refused with ${answer.refused}` };
  }

  async #move(): Promise<void> {
    if (this.#isIdle()) return;
    const found = await this.#read('current');
    if (found === null || found.version === this.#holding?.version || this.#isIdle()) return;
    const old = this.#holding;
    this.#holding = new Holding(found.version, found.credential, {
      target: this.#parts.target,
      tally: this.#tally,
      sessions: loads[this.#parts.load].sessions,
    });
    this.#tally.version = found.version;
    this.#tally.moves += 1;
    await old?.close();
  }

  #isIdle(): boolean {
    return this.#isResting || this.#isStopping;
  }

  async #read(selector: 'current' | number): Promise<StoredCredential | null> {
    try {
      return await this.#parts.read(selector);
    } catch (error) {
      this.#tally.fail('a read of the store', codeOf(error));
      return null;
    }
  }
}
