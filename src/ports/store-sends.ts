import type { Scope } from './step-ports.js';

/**
 * What a store outside of our database is written through: it cannot refuse what an executor sends that has lost its
 * lease, so the database is asked right before each write leaves.
 *
 * *Errors* of all: `STORE_UNAVAILABLE`, `STORE_DENIED`, `DATABASE_UNMIGRATED`.
 */
export interface StoreSends {
  /**
   * Waits for a turn of the bucket that all workers share, one for puts and one for labels. `urgent` goes first: what is
   * taken back.
   * *Errors* `STORE_UNAVAILABLE` where the call would be over before the turn comes.
   */
  turn(scope: Scope, asked: { readonly what: 'put' | 'label'; readonly urgent: boolean }): Promise<void>;
  /**
   * May this executor write now? A put is noted down in the same moment: until it is known to have been refused, or
   * its time is over, it may arrive. `mirrors`: the digest of the value that a put repeats under the bare name, noted
   * beside it. Default: it puts the version of its rotation.
   * *Returns* the database's time, in milliseconds since 1970; null where the lease is lost.
   */
  admit(scope: Scope, what: 'put' | 'label', mirrors?: string): Promise<number | null>;
  /** How long a put of this rotation may still arrive. Milliseconds; 0 where none is on its way. */
  unsettledMs(scope: Scope): Promise<number>;
  /** What the last put of this rotation repeats. *Returns* null where it was its version, was refused, or there is none. */
  mirrored(scope: Scope): Promise<string | null>;
  /** Takes the note of a put back: the store has refused it. One that was noted under a later lease stays. */
  refused(scope: Scope): Promise<void>;
}
