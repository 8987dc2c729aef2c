/** What may happen in one small world, and how often. A search is complete within them. */
export interface Bounds {
  readonly name: string;
  /** The target keeps our fence token; otherwise requests die after their time. */
  readonly fence: boolean;
  /** The store refuses writes without the lease (the built-in one); otherwise they land as they were sent. */
  readonly leasedStore: boolean;
  /** Rotations in a row, on alternating roles where the target can fence. */
  readonly rotations: number;
  /** Executors that stop right before an effect, for ever; the request lands at any later time or never. */
  readonly pauses: number;
  /** Executors that die right before a commit. */
  readonly crashes: number;
  /** Pauses and crashes together: each hands the rotation to another executor. */
  readonly takeovers: number;
  /** A person puts a hold, and releases it. */
  readonly holds: number;
  /** A person moves the label `current` to another version that works. */
  readonly moves: number;
  /** A person cancels, or resumes what is parked. */
  readonly commands: number;
  /** The state database is lost and comes back as its standby knew it. */
  readonly failOvers: number;
  /** A fail-over is seen by every worker, as by one that is started anew; otherwise also by nothing but a target's token. */
  readonly noticed: boolean;
  /** Deviations from the default schedule on one path; everything within them is visited. */
  readonly deviations: number;
}

/** How often each thing has happened on a path. */
export type Spent = Readonly<
  Record<'pauses' | 'crashes' | 'holds' | 'moves' | 'commands' | 'failOvers' | 'restores' | 'deviations', number>
>;

export const nothingSpent: Spent = {
  pauses: 0,
  crashes: 0,
  holds: 0,
  moves: 0,
  commands: 0,
  failOvers: 0,
  restores: 0,
  deviations: 0,
};
