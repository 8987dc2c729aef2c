import type { ParameterNotice } from '../core/delivery.js';
import type { Standing } from './step-ports.js';
import type { Status } from '../core/rotation.js';
import type { CommandKind, Recorded } from '../core/rotation-event.js';

/** When a secret rotates by itself. */
export interface Schedule {
  /** Five fields. */
  readonly cron: string;
  /** An IANA name. */
  readonly timezone: string;
  /** How long after its due time a rotation may take until somebody is told. Milliseconds. */
  readonly overdueAfterMs: number;
}

/** A secret as the configuration declares it, for the database. */
export interface RegisteredSecret {
  /** `environment:/path`. */
  readonly secret: string;
  readonly environment: string;
  readonly path: string;
  readonly target: string;
  /** Null: rotated on demand only. Unset never means due. */
  readonly schedule: Schedule | null;
}

/** A target as the configuration declares it. */
export interface RegisteredTarget {
  readonly environment: string;
  readonly target: string;
  /** Rotations at work on it at one time, summed over all workers. */
  readonly concurrency: number;
}

/** Where signed webhooks go. The signing key stays in the configuration. */
export interface RegisteredEndpoint {
  readonly environment: string;
  readonly name: string;
  readonly url: string;
  /** The types of webhook it gets; absent: all. */
  readonly events?: readonly string[] | undefined;
}

/** Puts what the configuration declares into the database. */
export interface Registry {
  /**
   * Makes secrets, targets and webhook endpoints of one environment equal to what is declared. What is no longer
   * declared is marked so, never deleted. *Returns* the secrets whose schedule is new or has changed, for
   * {@link Schedules.reschedule}.
   */
  declare(declaration: {
    readonly environment: string;
    readonly secrets: readonly RegisteredSecret[];
    readonly targets: readonly RegisteredTarget[];
    readonly endpoints: readonly RegisteredEndpoint[];
  }): Promise<readonly RegisteredSecret[]>;
  /**
   * Makes one secret known that is not, for somebody who does something with it before a worker has declared it. A
   * secret that is known, every other one, targets and endpoints are left as they are.
   */
  introduce(secret: RegisteredSecret): Promise<void>;
}

/** What people do to open rotations and to secrets. Each is written with its audit row, under a lock of the secret's row. */
export interface Operations {
  /**
   * Asks an open rotation to turn back or go on, and rings for it. *Errors* `UNKNOWN_ROTATION`, `ROTATION_ENDED`,
   * `NOT_PARKED`, `DECIDED_DESTROY` (cancel and rollback after the point of no return), `DECIDED_ROLLBACK`
   * (resuming forwards what turns back is not an error: it goes on turning back).
   */
  command(command: {
    readonly rotationId: string;
    readonly kind: CommandKind;
    readonly by: string;
    readonly reason: string;
  }): Promise<void>;
  /** *Returns* `in-flight` where a disable or destroy had been meant before the hold was written. */
  hold(hold: {
    readonly secret: string;
    readonly by: string;
    readonly reason: string;
  }): Promise<
    { readonly kind: 'held' } | { readonly kind: 'in-flight'; readonly rotationId: string; readonly step: string }
  >;
  release(hold: { readonly secret: string; readonly by: string; readonly reason: string }): Promise<void>;
  waive(waiver: {
    readonly rotationId: string;
    readonly consumer: string;
    readonly by: string;
    readonly reason: string;
  }): Promise<void>;
  /** Writes into the audit trail that an orphan is about to be destroyed by a person, or that it was. */
  orphan(deed: {
    readonly secret: string;
    readonly identity: string;
    /** Whose tag it carries; null where the target keeps none. */
    readonly rotationId: string | null;
    readonly phase: 'intended' | 'done';
    readonly by: string;
    readonly reason: string;
  }): Promise<void>;
  /** A new era: our database was restored or moved, and the person says that no other installation is alive. */
  restored(statement: { readonly by: string; readonly reason: string }): Promise<{ readonly era: number }>;
}

/** One rotation in a list. */
export interface RotationRow {
  readonly rotationId: string;
  readonly secret: string;
  readonly workflow: string;
  readonly workflowNumber: number;
  readonly trigger: string;
  readonly status: Status;
  /** The step it is at, or was last at. */
  readonly step: string;
  readonly reason: string;
  readonly requestedBy: string;
  /** The code it rolled back or parked for. */
  readonly code: string | null;
  readonly requestedAtMs: number;
  readonly closedAtMs: number | null;
}

/** One secret in a list. */
export interface SecretRow extends Standing {
  readonly secret: string;
  readonly environment: string;
  readonly path: string;
  readonly target: string;
  readonly heldBecause: string | null;
  readonly currentVersion: number | null;
  readonly lastRotatedAtMs: number | null;
  readonly nextDueAtMs: number | null;
  readonly openRotation: string | null;
  /** Of the open rotation: `running`, `rolling_back`, `parked`. Null: there is none. */
  readonly openStatus: Status | null;
}

/** A named person's acceptance of a missing proof. */
export interface WaiverRow {
  readonly consumer: string;
  readonly by: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Reading for people. */
export interface Views {
  /** By id, or by a prefix of it that fits one rotation only. *Returns* null for none. */
  rotation(idOrPrefix: string): Promise<RotationRow | null>;
  /** Newest first. */
  rotations(filter: {
    readonly environment?: string;
    readonly secret?: string;
    readonly open?: boolean;
    readonly limit: number;
  }): Promise<readonly RotationRow[]>;
  secrets(environment?: string): Promise<readonly SecretRow[]>;
  /** The events after a sequence number. */
  events(rotationId: string, afterSeq: number): Promise<readonly Recorded[]>;
  /** What was accepted in place of a proof, in the order of names. */
  waivers(rotationId: string): Promise<readonly WaiverRow[]>;
  /** Who is at work on the secret now. Null: nobody. */
  leaseHolder(
    secret: string,
  ): Promise<{ readonly holder: string; readonly epoch: number; readonly expiresInMs: number } | null>;
}

/** What the sweep finds, each by one indexed query, in batches with skip-locked. */
export interface SweepQueries {
  /** Secrets whose due time has come, of these environments. */
  due(
    environments: readonly string[],
    limit: number,
  ): Promise<
    readonly {
      readonly secret: string;
      readonly cron: string;
      readonly timezone: string;
      readonly dueAtMs: number;
      readonly nowMs: number;
    }[]
  >;
  /** Sets the next due time where it still is `fromMs` (null: unset). *Returns* false where another worker was first. */
  reschedule(secret: string, fromMs: number | null, nextMs: number | null): Promise<boolean>;
  /**
   * Open rotations whose time has come, that no live lease works on and for which nobody rang in the last
   * `quietMs`; marks them as rung.
   */
  unattended(
    limit: number,
    quietMs: number,
  ): Promise<readonly { readonly rotationId: string; readonly key: string; readonly urgent: boolean }[]>;
  /**
   * Deliveries whose time has come and for which nobody rang in the last `quietMs`; marks them as rung. Of each endpoint as many
   * as may be under way at a time, and none of one that rests: the backlog of one keeps nobody from the others.
   */
  undelivered(
    limit: number,
    quietMs: number,
  ): Promise<readonly { readonly deliveryId: string; readonly key: string }[]>;
  /** Secrets whose alias is to be audited: every 30 s for 15 min after a takeover, hourly otherwise. Moves their next audit on. */
  audits(
    environments: readonly string[],
    limit: number,
  ): Promise<readonly { readonly secret: string; readonly openRotation: string | null }[]>;
  /**
   * Does what the policies of at most so many parameters ask for by now: each moment is told of once, by webhook and in the
   * audit trail, and what has expired is deleted. *Returns* what was told.
   */
  policies(
    limit: number,
  ): Promise<readonly { readonly parameter: string; readonly version: number; readonly event: ParameterNotice }[]>;
  /**
   * Tells, by webhook and in the audit trail, of at most so many secrets whose rotation was due and has not completed in the
   * time it may take, and of each again when as long has passed. *Returns* what was told.
   */
  overdue(limit: number): Promise<readonly { readonly secret: string; readonly dueAtMs: number }[]>;
  /** Writes what an audit found into the audit trail; `problem` null: all well. */
  audited(secret: string, problem: string | null): Promise<void>;
}

/** The outbox of webhooks. Rows are written in the journal's transaction. */
export interface Deliveries {
  /**
   * Takes deliveries whose time has come: those that are named, and beside them so many `others` at most, those that are due the
   * longest. What has nothing to do now is left out; where its endpoint rests, or has as many under way as it may, it stays due.
   */
  take(wanted: {
    readonly deliveryIds: readonly string[];
    readonly others: number;
    /** Nobody else takes them for so long. Milliseconds. */
    readonly forMs: number;
  }): Promise<readonly Delivery[]>;
  /** Writes how tries went, all of them or none. `gone` silences the endpoint, unless it has another address now. *Returns* one for each, in their order. */
  record(tries: readonly DeliveryTry[]): Promise<readonly DeliveryResult[]>;
}

/** How a try of a delivery went. */
export interface DeliveryTry {
  readonly delivery: Pick<Delivery, 'deliveryId' | 'url' | 'asked'>;
  readonly outcome: 'delivered' | 'failed' | 'gone';
  readonly status: number | null;
  /** Why there is no status, in words of ours; null where there is one. */
  readonly reason: string | null;
  readonly tookMs: number;
  /** Null: not again. */
  readonly againInMs: number | null;
}

/** What became of a try's answer. */
export interface DeliveryResult {
  /**
   * `moved`: an address that the endpoint no longer has is gone; the delivery is due again at once, at the new one. `late`:
   * another try has said how the delivery ended, or somebody has asked for it to be sent again, and nothing was changed.
   */
  readonly kind: 'written' | 'moved' | 'late';
  /** Another webhook of the endpoint that is due; null: there is none. */
  readonly next: string | null;
  /** How long nothing is sent to the endpoint, which has failed again and again. Milliseconds; null: it does not rest. */
  readonly restsMs: number | null;
  /** How many others were given up with it, because they have waited for the endpoint too long. */
  readonly gaveUp: number;
}

/** One webhook to one endpoint. */
export interface Delivery {
  readonly deliveryId: string;
  readonly environment: string;
  readonly endpoint: string;
  readonly url: string;
  /** Stable over retries. */
  readonly webhookId: string;
  /** The body, to the byte. */
  readonly body: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** How often somebody has asked for it to be sent again. */
  readonly asked: number;
  /** The database's time. Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Sends one webhook. Never throws: how it went is the answer. */
export interface WebhookSender {
  send(delivery: Delivery): Promise<{
    readonly outcome: 'delivered' | 'failed' | 'gone';
    readonly status: number | null;
    /** Why there is no status, in words of ours; null where there is one. */
    readonly reason: string | null;
    readonly retryAfterMs: number | null;
  }>;
}

/** Time zones and cron text. */
export interface Calendar {
  /** The first time strictly after `afterMs` at which the expression fires there. Milliseconds since 1970. *Errors* `CONFIG_INVALID`. */
  next(cron: string, timezone: string, afterMs: number): number;
}

/** Counts and sums for `/metrics`, taken from what was written in the transactions of the events. */
export interface Metrics {
  read(): Promise<{
    readonly rotations: readonly {
      readonly workflow: string;
      readonly trigger: string;
      readonly outcome: string;
      readonly count: number;
    }[];
    readonly steps: readonly {
      readonly step: string;
      /** Cumulative, in rising order; the last may be up to Infinity. */
      readonly bucketsMs: readonly { readonly upToMs: number; readonly count: number }[];
      readonly count: number;
      readonly sumMs: number;
    }[];
    readonly overdue: readonly { readonly environment: string; readonly count: number }[];
    readonly open: readonly { readonly status: string; readonly count: number }[];
    /** What consumers answered to `POST /v1/acks`, by what became of it. */
    readonly acks: readonly { readonly outcome: string; readonly count: number }[];
  }>;
}
