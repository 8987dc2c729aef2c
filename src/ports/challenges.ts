import type { Secret } from '../core/secret.js';
import type { Scope } from './step-ports.js';

/** What a challenge is about. */
export interface ChallengeSubject {
  readonly phase: 'canary' | 'drain';
  readonly version: number;
}

/** A nonce, and the consumer it is sent to. */
export interface IssuedNonce {
  readonly nonce: string;
  readonly consumer: string;
}

/** An ack that a worker has still to look over, or has lately. */
export type LateAck = IssuedNonce & {
  /** When its challenge was issued, by the database. Milliseconds since 1970. */
  readonly issuedAtMs: number;
  /** True while its challenge is young enough for a proof. */
  readonly isYoung: boolean;
} & (
    | {
        readonly kind: 'waiting';
        /** The body of the ack as it came, but for its nonce. A consumer may say anything: the value for one. */
        readonly said: Secret;
      }
    | {
        readonly kind: 'judged';
        readonly outcome: 'proved' | 'refused';
        readonly instance: string;
        readonly reason: string;
      }
  );

/** What an ack was worth. */
export interface Judgement {
  readonly nonce: string;
  readonly outcome: 'proved' | 'refused' | 'wrong';
  /** Null where it cannot be told without the value. */
  readonly instance: string | null;
  /** Without the value. */
  readonly reason: string;
}

/** The nonces that a rotation sends out, for who asks and judges. */
export interface Challenges {
  /** Makes nonces known before they are sent. */
  issue(scope: Scope, about: ChallengeSubject, nonces: readonly IssuedNonce[]): Promise<void>;
  /** These were answered in the response: an ack of one comes too late. *Repeat*: harmless. */
  answered(nonces: readonly string[]): Promise<void>;
  /**
   * What this rotation was told of this phase and version by acks, the oldest challenge first: what no worker has looked
   * over, proofs whose challenge is young, and refusals for a minute from when they were looked over.
   *
   * What was tampered with is left out. *Errors*: those of a keyring that is away: what was said is not known then, and it may
   * be a refusal.
   */
  late(scope: Scope, about: ChallengeSubject): Promise<readonly LateAck[]>;
  /** Counts them, puts what is wrong into the audit trail, and forgets what they said. *Repeat*: harmless. */
  judged(judgements: readonly Judgement[]): Promise<void>;
}

/** A challenge as whoever answers names it: by its nonce. */
export interface KnownChallenge extends ChallengeSubject {
  readonly nonce: string;
  readonly environment: string;
  /** `environment:/path`. */
  readonly secret: string;
  readonly rotationId: string;
  readonly consumer: string;
  /** The database's time now. Milliseconds since 1970. */
  readonly nowMs: number;
  /** True while it has no answer and is young. It may end at any moment: {@link Acks.take} decides. */
  readonly isOpen: boolean;
}

/** Acks, for who takes them and can open no secret. */
export interface Acks {
  /** *Returns* null for a nonce that nobody issued, or so long ago that it is forgotten. *Errors* `STATE_UNAVAILABLE`. */
  find(nonce: string): Promise<KnownChallenge | null>;
  /**
   * Takes one ack of a nonce, sealed, for a worker to look over. A refusal changes what guards rely on, so that what was looked
   * at before it allows nothing any more, and is to be looked at now. `replayed`: it was answered before. `expired`: it is older
   * than 60 s, or its rotation has ended. Both are counted, and in the audit trail once for each nonce.
   *
   * *Errors* `STATE_UNAVAILABLE`, and those of the keyring.
   */
  take(
    challenge: KnownChallenge,
    ack: { readonly said: Secret; readonly isRefusal: boolean },
  ): Promise<'received' | 'replayed' | 'expired'>;
  /** Counts an ack that its consumer has not signed, with an entry in the audit trail once for each nonce. */
  unsigned(challenge: KnownChallenge): Promise<void>;
}
