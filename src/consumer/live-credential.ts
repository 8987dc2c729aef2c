import type { CachedReader, Reading } from './cached-reader.js';
import { HeldCredential } from './held-credential.js';
import { ParameterReadError } from './parameter-read-error.js';

/** The credential of a secret, as it is now and whenever it changes. */
export interface LiveCredential {
  /** What to log in with now. *Errors*: `ParameterReadError`, where nothing is held and nothing can be read. */
  current(): Promise<HeldCredential>;
  /** Asks the store now, as after a webhook. *Errors*: as {@link current}. */
  refresh(): Promise<HeldCredential>;
  /**
   * Says that a login with this version was refused. *Returns* what is current at the store then: the same version where
   * it was refused for another reason. *Errors*: as {@link current}.
   */
  refused(version: number): Promise<HeldCredential>;
  /** One version, whichever is current: a canary tries the pending one. *Errors*: `ParameterReadError`. */
  version(version: number): Promise<HeldCredential>;
  /** Is told of every change, the first reading among them, before anybody is answered. *Returns* what ends it. */
  onChange(listener: (held: HeldCredential) => void): () => void;
  /** Looks no more. The reader stays open. *Repeat*: nothing. */
  close(): void;
}

/** What is followed. */
export interface LiveCredentialOptions {
  /** Reads the store: `createCachedReader`. Several credentials may share one. */
  readonly reader: CachedReader<string>;
  /** The secret by its label: `/prod/billing/db:current`. */
  readonly name: string;
  /** How often to look for a change that nobody has told of. Default 10,000. Milliseconds; 0: only when asked. */
  readonly pollMs?: number;
  /** Told where a look brought nothing, or a listener threw. What it throws is dropped. */
  readonly onError?: (error: unknown) => void;
}

const defaultPollMs = 10_000;

/** Follows the credential of a secret. The timer keeps no process alive. *Errors*: `RangeError` for a name without a label. */
export function followCredential(options: LiveCredentialOptions): LiveCredential {
  return new Follower(options);
}

class Follower implements LiveCredential {
  readonly #reader: CachedReader<string>;
  readonly #name: string;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<(held: HeldCredential) => void>();
  readonly #timer: NodeJS.Timeout | undefined;
  #held: HeldCredential | undefined;

  constructor({ reader, name, pollMs = defaultPollMs, onError = () => undefined }: LiveCredentialOptions) {
    if (!/^[^:]+:[^:]+$/.test(name)) throw new RangeError(`${name} names no label: write ${name}:current`);
    this.#reader = reader;
    this.#name = name;
    this.#onError = onError;
    if (pollMs > 0) this.#timer = setInterval(() => void this.#look(), pollMs).unref();
  }

  async current(): Promise<HeldCredential> {
    return this.#held ?? this.#take(await this.#reader.read(this.#name));
  }

  async refresh(): Promise<HeldCredential> {
    return this.#take(await this.#reader.refresh(this.#name));
  }

  async refused(version: number): Promise<HeldCredential> {
    this.#reader.invalidate(this.#name, version);
    return this.#take(await this.#reader.read(this.#name));
  }

  async version(version: number): Promise<HeldCredential> {
    const name = this.#name.replace(/:.*/, `:${version}`);
    return parsed(name, await this.#reader.read(name));
  }

  onChange(listener: (held: HeldCredential) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  async #look(): Promise<void> {
    try {
      this.#take(await this.#reader.read(this.#name));
    } catch (error) {
      this.#tell(error);
    }
  }

  #take(reading: Reading<string>): HeldCredential {
    if (this.#held?.version === reading.version) return this.#held;
    const held = parsed(this.#name, reading);
    this.#held = held;
    for (const listener of this.#listeners) {
      try {
        listener(held);
      } catch (error) {
        this.#tell(error);
      }
    }
    return held;
  }

  #tell(error: unknown): void {
    try {
      this.#onError(error);
    } catch {
      // Of the application, and nothing of ours waits for it.
    }
  }
}

function parsed(name: string, { value, version }: Reading<string>): HeldCredential {
  const held = HeldCredential.parse(value, version);
  if (held === undefined) throw new ParameterReadError(name, 'NoCredential');
  return held;
}
