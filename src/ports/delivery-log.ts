/** One webhook to one endpoint, as people look at it. */
export interface DeliveryRow {
  readonly deliveryId: string;
  readonly environment: string;
  readonly endpoint: string;
  /** `rotation.promoted` */
  readonly type: string;
  /** What it is about: `environment:/path` of a secret or a parameter; null: a trial of the endpoint. */
  readonly secret: string | null;
  /** Null: it is about no rotation. */
  readonly rotationId: string | null;
  /** Null: still to be sent. `failed`: given up. `gone`: the endpoint said so, and is silenced. */
  readonly outcome: 'delivered' | 'failed' | 'gone' | null;
  /** How often it was tried since it was last asked for. */
  readonly attempt: number;
  /** Of the last answer; null: there was none, or a try is under way. */
  readonly status: number | null;
  /** Of the last try. Milliseconds; null: there was none. */
  readonly latencyMs: number | null;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  /** When it is tried next; null: it is not. Milliseconds since 1970. */
  readonly nextAtMs: number | null;
  /**
   * Why nothing is sent to its endpoint now: it said that it is gone, is declared no more, or rests because it failed again
   * and again. Null: it is spoken to.
   */
  readonly silenced: 'gone' | 'undeclared' | 'resting' | null;
}

/** One try. What was answered is kept nowhere. */
export interface DeliveryAttempt {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly outcome: 'delivered' | 'failed' | 'gone';
  readonly status: number | null;
  /** Why there is no status. */
  readonly reason: string | null;
  readonly latencyMs: number;
}

/** A webhook with all that is known of it. */
export interface DeliveryDetail extends DeliveryRow {
  /** The same at every endpoint and over all tries. */
  readonly webhookId: string;
  /** As it is sent: ids and numbers, never a value. */
  readonly body: string;
  /** Oldest first. */
  readonly attempts: readonly DeliveryAttempt[];
}

/** Which webhooks are listed. What is absent excludes nothing. */
export interface DeliveryFilter {
  readonly environment?: string;
  readonly endpoint?: string;
  readonly rotationId?: string;
  /** Those that have not arrived: to be sent, given up, or at an endpoint that is gone. */
  readonly undelivered?: boolean;
  readonly limit: number;
}

/** What became of webhooks, for people. */
export interface DeliveryLog {
  /** Newest first. */
  list(filter: DeliveryFilter): Promise<readonly DeliveryRow[]>;
  /** *Returns* null where there is none of this id. */
  find(deliveryId: string): Promise<DeliveryDetail | null>;
  /**
   * Sends a webhook again, on the whole schedule of tries, and rings for it. An endpoint that had said it was gone, or rests,
   * is spoken to again. Written with its audit row. *Errors* `UNKNOWN_DELIVERY`, `ENDPOINT_UNDECLARED`.
   */
  redeliver(again: { readonly deliveryId: string; readonly by: string; readonly reason: string }): Promise<void>;
  /**
   * Sends an endpoint a webhook of type `test.ping`, which is about nothing, once, whatever types it gets otherwise; as above.
   * *Returns* its id. *Errors* `ENDPOINT_UNDECLARED`.
   */
  ping(endpoint: { readonly environment: string; readonly endpoint: string; readonly by: string }): Promise<string>;
}
