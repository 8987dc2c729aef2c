import type { Spent } from './bounds.js';
import type { Executor } from './executor.js';
import type { Prepared } from './label-store.js';
import type { Flight } from './world.js';

/** A place in the search, as plain data: it can be gone back to any number of times. */
export interface Situation {
  readonly restoreWorld: () => void;
  readonly executor: Executor | null;
  readonly prepared: Prepared | null;
  readonly flights: readonly Flight[];
  readonly standby: Standby | null;
  readonly spent: Spent;
  readonly holders: number;
}

/** A state database that hears no more of the one in use. */
export interface Standby {
  readonly rotation: number;
  readonly text: string;
  readonly restore: () => void;
}
