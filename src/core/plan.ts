import type { Capabilities } from './capabilities.js';
import type { CredentialFields } from './credential.js';
import type { ErrorFacts } from './errors.js';
import type { Json } from './json.js';
import type { Policy } from './policy.js';

/** What asked for a rotation. */
export type Trigger = 'schedule' | 'demand';

/** An application that reads the secret, as the rotation's snapshot knows it. */
export interface PlannedConsumer {
  readonly name: string;
  /** Where it answers challenges. Null: it cannot be asked. */
  readonly url: string | null;
  /** It tries the pending version before anybody else sees it. */
  readonly canary: boolean;
  /** The old credential stays until it has proved that it holds the new one. */
  readonly required: boolean;
  /** How long it may serve a value from its cache. Milliseconds. */
  readonly cacheTtlMs: number;
  /**
   * How many instances must have proved, told apart by name; `registered`: those that have said that they are there.
   * Absent: those that answer, as in every journal from before it could be said.
   */
  readonly instances?: number | 'registered';
  /** Who answers for it: a team, an address. Absent: nobody is named. */
  readonly owner?: string;
  /** The addresses it logs in from, as `10.1.0.0/16` or `10.1.2.3`. Absent: nobody knows. */
  readonly sources?: readonly string[];
}

/**
 * What is asked at every look while the canary soaks, as the rotation's snapshot knows it. An address is public and holds
 * no credentials; a token is named, never held.
 */
export type PlannedCheck = {
  readonly name: string;
  /** Looks in a row that must have found it bad before the rotation turns back. 1 or more. */
  readonly failAfter: number;
} & (
  | {
      readonly kind: 'http';
      readonly url: string;
      /** The status that is good. Any other is bad. */
      readonly expectStatus: number;
    }
  | {
      readonly kind: 'prometheus';
      /** What stands before `/api/v1/query`. */
      readonly url: string;
      readonly query: string;
      /** On which side of the limit every sample must be. The limit itself is on neither. */
      readonly holds: 'below' | 'above';
      readonly limit: number;
      /** The reference of the bearer token; null: none is sent. */
      readonly token: string | null;
    }
);

/**
 * Everything a rotation runs on, taken when it was accepted: later changes of the configuration do not reach it.
 * It stands in the journal's first event, so it is JSON and holds references to secrets, never secrets.
 */
export interface Plan {
  readonly rotationId: string;
  readonly environment: string;
  readonly path: string;
  /** `environment:/path`. */
  readonly secret: string;
  readonly workflow: { readonly name: string; readonly number: number };
  readonly target: string;
  readonly rotator: string;
  /** What the identities name at the target. No two rotations work on one principal of one system at a time. */
  readonly principal: string;
  /** The rotator's settings, target's and secret's merged, with references in place of secrets. */
  readonly config: Json;
  readonly capabilities: Capabilities;
  /**
   * How long after it was meant a write to the store may still take effect. Milliseconds; 0 where the store refuses
   * the writes of an executor that lost its lease.
   */
  readonly storeSettleMs: number;
  readonly fields: CredentialFields;
  readonly policy: Policy;
  readonly consumers: readonly PlannedConsumer[];
  /** Absent: none, as in every journal from before there were any. */
  readonly checks?: readonly PlannedCheck[];
  readonly trigger: Trigger;
  readonly reason: string;
  readonly requestedBy: string;
  /** A current credential that is already refused is a recorded fact, not a stop. */
  readonly repair: boolean;
  /**
   * Strangers have the current credential: once the new one is promoted nothing turns back towards it but a person's
   * decision. Absent: false.
   */
  readonly exposed?: boolean;
  /** The first credential of this secret was made outside and carries no tag: `destroy` may remove it untagged. */
  readonly adopted: boolean;
}

/** The facts that every sentence of the catalogue may name. */
export function naming(plan: Plan): ErrorFacts {
  return { rotation: plan.rotationId, secret: plan.path, environment: plan.environment, target: plan.target };
}
