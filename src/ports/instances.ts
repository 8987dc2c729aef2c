import type { Scope } from './step-ports.js';

/** A running copy of a consumer that has said that it is there. */
export interface RegisteredInstance {
  readonly consumer: string;
  readonly instance: string;
  /** Where it answers challenges itself; null: at the address of its consumer. */
  readonly url: string | null;
  /** It has said that it goes, and is not asked and waited for any more. */
  readonly hasLeft: boolean;
}

/** The instances of consumers, for who asks them. */
export interface Instances {
  /**
   * Those of the consumers of this plan that have said that they are there, and were heard of within the longest time for
   * which a session may live, or five minutes where that is less; and those that have said lately that they go. By the
   * database's clock.
   */
  registered(scope: Scope): Promise<readonly RegisteredInstance[]>;
}

/** What an instance says of itself, signed by its consumer. */
export interface InstanceNotice {
  /** `environment:/path`. */
  readonly secret: string;
  readonly consumer: string;
  readonly instance: string;
  readonly url: string | null;
  /** It goes, and is waited for no more. */
  readonly leaves: boolean;
  /** The time that was signed. Seconds since 1970. */
  readonly saidAtS: number;
}

/** The instances of consumers, for who takes their word. */
export interface InstanceRegister {
  /** The database's time, by which signatures are judged. Milliseconds since 1970. *Errors* `STATE_UNAVAILABLE`. */
  nowMs(): Promise<number>;
  /**
   * Writes it down. One that is new changes what guards rely on: a revocation that was judged without it is judged again.
   * `stale`: the instance has said something else since; nothing is changed. `full`: its consumer has a thousand. `unknown`:
   * no worker has declared the secret yet. *Repeat*: harmless. *Errors* `STATE_UNAVAILABLE`.
   */
  note(notice: InstanceNotice): Promise<'noted' | 'stale' | 'full' | 'unknown'>;
}
