import { setTimeout as delay } from 'node:timers/promises';
import type { QueueFlush } from './queue-flush.js';
import type { StateView } from './state-view.js';
import type { WorkerFleet } from './worker-fleet.js';

/** What happens to Keyturn while it works. */
export interface Faults {
  readonly counts: () => FaultCounts;
  /** Resolves when the last has been done. *Repeat*: harmless. */
  readonly stop: () => Promise<void>;
}

/** See {@link Faults}. */
export interface FaultCounts {
  readonly kills: number;
  /** Kills of a worker that held a lease. */
  readonly killsInWork: number;
  /** Times a worker was due to be killed, and only one was at work. */
  readonly sparedKills: number;
  readonly flushes: number;
}

const killEveryMs = 2_000;
const flushEveryMs = 10_000;

/**
 * Kills a worker every 2 s and flushes the queue every 10 s, until it is stopped. One kill in two looks for a worker
 * that holds a lease; the other takes the oldest, whatever it does.
 */
export function beginFaults({
  fleet,
  state,
  flush,
}: {
  readonly fleet: WorkerFleet;
  readonly state: StateView;
  readonly flush: QueueFlush;
}): Faults {
  const counts = { kills: 0, killsInWork: 0, sparedKills: 0, flushes: 0 };
  const stopping = new AbortController();
  const every = async (ms: number, act: () => Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) {
      const rested = await delay(ms, true, { signal: stopping.signal }).catch(() => false);
      if (rested) await act();
    }
  };
  const kill = async (): Promise<void> => {
    const killed = await fleet.killOne(counts.kills % 2 === 0 ? await state.leaseHolders() : []);
    if (killed === null) counts.sparedKills += 1;
    else {
      counts.kills += 1;
      counts.killsInWork += killed.heldLease ? 1 : 0;
    }
  };
  const lose = async (): Promise<void> => {
    if (await flush()) counts.flushes += 1;
  };
  const under = Promise.all([every(killEveryMs, kill), every(flushEveryMs, lose)]);
  // Awaited by `stop`; a failure in the meantime is not lost.
  under.catch(() => {});
  return {
    counts: () => ({ ...counts }),
    stop: async () => {
      stopping.abort();
      await under;
    },
  };
}
