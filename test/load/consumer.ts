import type { Held, HeldChallenge } from 'keyturn/consumer';
import type { Credential } from '../../src/core/credential.js';
import { type LoginPlace, codeOf, heldValue } from '../../src/embedded/demo/login.js';
import { type LoadSecret, secretsOf } from './cast.js';
import { ConsumerCounts } from './consumer-counts.js';
import type { ConsumerCounters } from './consumer-protocol.js';
import { attemptLogin, isRefusal } from './login-attempt.js';
import { VersionInUse } from './version-in-use.js';
import { beginWork, queryOf } from './work.js';

/** What a consumer works with. */
export interface ConsumerParts {
  readonly name: string;
  readonly target: LoginPlace;
  /** Reads the store by label or number; null: there is no such version. */
  readonly read: (secret: string, selector: 'current' | number) => Promise<ReadVersion | null>;
}

/** A version as the store gives it. */
export interface ReadVersion {
  readonly version: number;
  readonly credential: Credential;
}

/** One secret of a consumer, with the version it uses. */
interface Use {
  readonly secret: LoadSecret;
  inUse: VersionInUse | undefined;
  following: Promise<void>;
}

/**
 * An application that knows the library for its answers only, with a pool of open sessions for each of its secrets and
 * fresh logins beside them. It reads a secret when it starts, when it is told, and once after a refused login: never by
 * the clock.
 *
 * On a new version it opens a new pool, moves new work there, lets the old pool's queries end and closes it; only then
 * does it say that it has moved. What fails is counted and not tried again; a refused login has the one refresh.
 */
export class Consumer {
  readonly #parts: ConsumerParts;
  readonly #uses: readonly Use[];
  readonly #counts = new ConsumerCounts();
  #work: readonly Promise<void>[] = [];
  #isStopping = false;
  #asked = 0;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
    this.#uses = secretsOf(parts.name).map((secret) => ({ secret, inUse: undefined, following: Promise.resolve() }));
  }

  /** Begins to work with what `current` names. */
  async start(): Promise<void> {
    await this.followAll();
    this.#work = beginWork({
      uses: this.#uses,
      query: (use) => this.#query(use),
      freshLogin: (use) => this.#freshLogin(use),
      isStopping: () => this.#isStopping,
    });
  }

  counters(): ConsumerCounters {
    return this.#counts.counters(this.#uses.filter(({ inUse }) => inUse !== undefined).length);
  }

  /** Told that something has happened to a secret of ours. */
  async told(): Promise<void> {
    this.#counts.webhooks += 1;
    await this.followAll();
  }

  /** Moves to what `current` names, for every secret. */
  async followAll(): Promise<void> {
    await Promise.all(this.#uses.map((use) => this.#follow(use)));
  }

  /** Answers a challenge: what this process holds, or what became of trying it. */
  async held({ phase, secret, version }: HeldChallenge): Promise<Held> {
    this.#counts.challenges += 1;
    const use = this.#uses.find((each) => each.secret.id === secret);
    if (use === undefined) return { kind: 'refuses', reason: 'this secret is none of ours' };
    if (phase === 'canary') return this.#tryOut(use, version);
    await this.#follow(use);
    if (use.inUse?.version !== version) return { kind: 'pending' };
    return { kind: 'uses', value: heldValue(use.inUse.credential) };
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#work);
    for (const use of this.#uses) {
      await use.following;
      await use.inUse?.close();
    }
  }

  async #query(use: Use): Promise<void> {
    this.#asked += 1;
    const [text, values] = queryOf(use.secret, this.#asked);
    if (await this.#within(use, 'a query', (inUse) => inUse.query(text, values))) this.#counts.queries += 1;
  }

  async #freshLogin(use: Use): Promise<void> {
    if (await this.#within(use, 'a fresh login', (inUse) => inUse.freshLogin())) this.#counts.freshLogins += 1;
  }

  /**
   * *Returns* true where it went well. A refused login is answered by one look at `current`, and one more try; whatever
   * else fails is a failure, also where `current` has moved meanwhile: the rig breaks nothing between consumer and target.
   */
  async #within(use: Use, doing: string, act: (inUse: VersionInUse) => Promise<void>): Promise<boolean> {
    const { inUse } = use;
    if (inUse === undefined) return false;
    try {
      await act(inUse);
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (!isRefusal(code)) return this.#fail(use, doing, { code, inUse });
      await this.#follow(use);
      const newer = use.inUse;
      if (newer === undefined || newer === inUse) return this.#fail(use, doing, { code, inUse });
      try {
        await act(newer);
        this.#counts.refreshes += 1;
        return true;
      } catch (again) {
        return this.#fail(use, `${doing} after a refresh`, { code: codeOf(again), inUse: newer });
      }
    }
  }

  #fail(use: Use, doing: string, { code, inUse }: { readonly code: string; readonly inUse?: VersionInUse }): false {
    this.#counts.fail({ doing, code, secret: use.secret.id, version: inUse?.version ?? null });
    return false;
  }

  /** A login of its own with the pending version; work goes on with the old one. */
  async #tryOut(use: Use, version: number): Promise<Held> {
    const pending = await this.#read(use, version);
    if (pending === null) return { kind: 'pending' };
    const answer = await attemptLogin(this.#parts.target, pending.credential);
    if (answer.kind === 'accepted') return { kind: 'uses', value: heldValue(pending.credential) };
    if (answer.kind === 'unanswered') return { kind: 'pending' };
    const { code } = answer;
    this.#counts.fail({ doing: 'a login with the pending version', code, secret: use.secret.id, version });
    return { kind: 'refuses', reason: `a login was refused with ${code}` };
  }

  /** One move after the other. */
  #follow(use: Use): Promise<void> {
    use.following = use.following.then(() => this.#move(use));
    return use.following;
  }

  async #move(use: Use): Promise<void> {
    const found = await this.#read(use, 'current');
    if (found === null || found.version === use.inUse?.version || this.#isStopping) return;
    const old = use.inUse;
    use.inUse = new VersionInUse(found.version, found.credential, {
      target: this.#parts.target,
      onLost: (code) => this.#fail(use, 'an idle session', { code }),
    });
    this.#counts.moves += 1;
    await old?.close();
  }

  async #read(use: Use, selector: 'current' | number): Promise<ReadVersion | null> {
    try {
      return await this.#parts.read(use.secret.id, selector);
    } catch (error) {
      this.#fail(use, 'a read of the store', { code: codeOf(error) });
      return null;
    }
  }
}
