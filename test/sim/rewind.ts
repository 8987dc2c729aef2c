import type { MemoryState } from '../../src/adapters/memory/state.js';
import type { Chance } from './chance.js';
import type { Profile } from './profile.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

/** What a fail-over needs of the world. */
export interface RewindParts {
  readonly time: VirtualTime;
  readonly profile: Profile;
  readonly trace: Trace;
  readonly state: MemoryState;
  /** The store, and what people remember of it. */
  readonly store: { readonly backUp: () => () => void };
  /** Told right after the database has gone back. `noticed`: by every worker, as by one that is started anew. */
  readonly rewound: (how: { readonly noticed: boolean; readonly store: boolean }) => void;
}

/** How far behind a standby may be that takes over. Milliseconds. */
const lagsMs = [500, 2_000, 6_000, 20_000, 60_000] as const;

/**
 * Once in a run the state database goes back to what its standby knew some time before: with the built-in store, which
 * lives in it, or without a store that lives elsewhere; and with a new era at once, or with nobody having noticed.
 */
export function rewindLater(chance: Chance, { time, profile, trace, state, store, rewound }: RewindParts): void {
  const strikes = profile.strikes('database-rewound', chance, 0.4);
  const atMs = chance.below(Math.max(1, profile.faultsEndMs));
  const lagMs = chance.pick(lagsMs);
  const withStore = chance.happens(0.5);
  const noticed = chance.happens(0.8);
  if (!strikes) return;
  time.after(Math.max(0, atMs - lagMs), () => {
    const restore = [state.backUp(), ...(withStore ? [store.backUp()] : [])];
    time.after(Math.min(atMs, lagMs), () => {
      for (const each of restore) each();
      const era = noticed ? `, era ${state.restored().era}` : ', and nobody has noticed';
      trace.note(time.nowMs, `database rewound by ${lagMs}${withStore ? ' with its store' : ''}${era}`);
      rewound({ noticed, store: withStore });
    });
  });
}
