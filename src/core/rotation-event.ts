import type { ErrorCode, ErrorFacts } from './errors.js';
import type { Json } from './json.js';
import type { Plan } from './plan.js';

/** How a rotation ends. */
export type FinalStatus = 'completed' | 'rolled_back' | 'cancelled';

/** What a person may ask of an open rotation. */
export type CommandKind = 'cancel' | 'rollback' | 'resume';

/** The append-only events of a rotation. Its state is their fold. Kinds are never renamed: journals outlive versions. */
export type RotationEvent =
  /** `era`: of the installation when it was accepted; absent: the first one. */
  | { readonly kind: 'RotationRequested'; readonly plan: Plan; readonly era?: number }
  /** Written ahead: from now on the step's effects may have happened. */
  | {
      readonly kind: 'StepIntended';
      readonly step: string;
      readonly attempt: number;
      /** Of a guarded step: what people had said, as its guard took it. Absent otherwise, and in older journals. */
      readonly standing?: { readonly held: boolean; readonly guardSeq: number; readonly waived: readonly string[] };
    }
  | { readonly kind: 'StepDone'; readonly step: string; readonly output: Json; readonly tookMs: number }
  | ({ readonly kind: 'StepFailed' } & Failure)
  | { readonly kind: 'GateOpened'; readonly step: string }
  /** A gate looked and must wait. `facts` are what it saw. */
  | {
      readonly kind: 'GateWaiting';
      readonly step: string;
      readonly facts: Json;
      readonly why: string;
      readonly againInMs: number;
    }
  /** What a guarded step was about to rely on has grown too old: the gate before it looks again. */
  | { readonly kind: 'GateReopened'; readonly step: string; readonly why: string }
  | { readonly kind: 'FenceRaised' }
  /** The state database was older than it had been: from here on more may have happened than stands before this. */
  | { readonly kind: 'EraEntered'; readonly era: number }
  /** The proposed value was rejected for certain: propose another. */
  | { readonly kind: 'ValueReplaced'; readonly step: string; readonly code: ErrorCode }
  | { readonly kind: 'RollbackDecided'; readonly code: ErrorCode; readonly facts: ErrorFacts }
  | { readonly kind: 'DestroyDecided' }
  /** What a gate has found takes this act back, and then waits for a person. The gate begins anew with the act. */
  | {
      readonly kind: 'TakeBackDecided';
      readonly step: string;
      readonly gate: string;
      readonly code: ErrorCode;
      readonly facts: ErrorFacts;
    }
  | { readonly kind: 'UndoIntended'; readonly step: string; readonly attempt: number }
  | { readonly kind: 'UndoDone'; readonly step: string; readonly tookMs: number }
  | ({ readonly kind: 'UndoFailed' } & Failure)
  | { readonly kind: 'Parked'; readonly code: ErrorCode; readonly facts: ErrorFacts }
  | {
      readonly kind: 'CommandTaken';
      readonly command: CommandKind;
      readonly commandId: number;
      readonly by: string;
      readonly reason: string;
    }
  | { readonly kind: 'RotationClosed'; readonly status: FinalStatus };

/** A try that did not succeed. */
export interface Failure {
  readonly step: string;
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
  /** False where the effect may have happened, or may still happen: the intent stays open and is settled first. */
  readonly certain: boolean;
  /** Null: it is not tried again as it is. */
  readonly retryInMs: number | null;
}

/** An event as the journal gives it back. */
export interface Recorded {
  readonly seq: number;
  /** The database's time of the commit. Milliseconds since 1970. */
  readonly atMs: number;
  /** The executor that wrote it. 0 for the request itself. */
  readonly epoch: number;
  readonly event: RotationEvent;
}
