import type { WorkflowShape } from '../decide.js';

/** Something that must always hold, and did not. */
export interface Violation {
  /** Its name in INVARIANTS.md: `I2`, `I10`, `F29`. */
  readonly invariant: string;
  readonly rotationId: string;
  /** The event at which it shows. */
  readonly seq: number;
  /** One sentence without values. */
  readonly what: string;
}

/** A workflow of which journals may be judged. */
export type KnownWorkflow = WorkflowShape & { readonly number: number };

/** How histories are judged. */
export interface HistoryOptions {
  /** Every workflow this version knows, every number of it. */
  readonly workflows: readonly KnownWorkflow[];
  /**
   * How far two times of one database may contradict each other: clocks are stepped, and a commit takes its time
   * before it has all its locks. Milliseconds; 0 in a simulated world.
   */
  readonly slackMs: number;
}
