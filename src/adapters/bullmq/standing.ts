import { setTimeout as pause } from 'node:timers/promises';
import { keyturnError } from '../../core/errors.js';
import { errorName, isRefusal } from './error-name.js';

/** Something built on a server that answers, until it does not. */
export interface Generation {
  /** Rejects where the server is lost. */
  ping(): Promise<void>;
  /** Lets go of everything, after what is in work has ended. */
  retire(): Promise<void>;
}

/** How {@link stand} goes about it. */
export interface StandOptions<T extends Generation> {
  /** Builds anew. `doubt` is to be called with every error that comes up later. */
  readonly build: (doubt: (error: unknown) => void) => Promise<T>;
  /** Told once for each new trouble, by its name only. */
  readonly onError: (name: string) => void;
  /** How often the server is asked without a reason. Milliseconds. */
  readonly checkEveryMs: number;
  /** First and longest wait between two tries. Milliseconds. */
  readonly backoffMs: { readonly first: number; readonly longest: number };
}

/** One thing after the other of the same kind, so that there is one whenever the server is there. */
export interface Standing<T> {
  /** Undefined while there is none. */
  readonly current: () => T | undefined;
  /** Settles when the first try has ended. *Errors* `QUEUE_UNAVAILABLE`, `DATABASE_UNMIGRATED`; tries go on. */
  readonly first: Promise<void>;
  /** Has the server asked soon: something looked wrong. */
  readonly doubt: (error: unknown) => void;
  /** Builds anew now, whatever the server answers. */
  readonly renew: () => void;
  /** Builds no more and resolves when all there was has retired. *Repeat*: waits for the same end. */
  readonly end: () => Promise<void>;
}

const pingTimeoutMs = 3_000;
const buildTimeoutMs = 10_000;
/** Between two questions that doubts ask for. */
const doubtPauseMs = 50;
/** Refusals in one generation that end it although the server answers: BullMQ's worker never pauses between them. */
const maxRefusals = 3;
/** After so long a life, the next trouble is a new one. */
const soundAfterMs = 10_000;

/** Builds, watches and builds anew, always with a pause between two tries that failed. */
export function stand<T extends Generation>(options: StandOptions<T>): Standing<T> {
  const { onError, checkEveryMs, backoffMs } = options;
  const asked = { check: false, renew: false, end: false };
  const retiring = new Set<Promise<void>>();
  let current: T | undefined;
  let builds = 0;
  let refusals = 0;
  let told: string | undefined;
  let wake = new AbortController();
  let settleFirst: (error?: Error) => void = () => {};
  const first = new Promise<void>((resolve, reject) => {
    settleFirst = (error) => (error === undefined ? resolve() : reject(error));
  });
  // Who does not ask for it must not be brought down by it.
  first.catch(() => {});

  const ask = (what: keyof typeof asked): void => {
    asked[what] = true;
    wake.abort();
  };
  const tell = (error: unknown): void => {
    const name = errorName(error);
    if (name !== told) onError(name);
    told = name;
  };
  const doubt = (error: unknown): void => {
    if (error !== undefined) tell(error);
    if (isRefusal(error)) refusals += 1;
    // Without one, the pause before the next try must not be cut short.
    if (current !== undefined) ask(refusals >= maxRefusals ? 'renew' : 'check');
  };
  /** Waits, at most until something is asked for. */
  const rest = async (ms: number): Promise<void> => {
    if (asked.check || asked.renew || asked.end) return;
    wake = new AbortController();
    await pause(ms, undefined, { signal: wake.signal }).catch(() => {});
  };
  const retire = async (generation: T): Promise<void> => {
    const retired = generation.retire().catch(tell);
    retiring.add(retired);
    await retired;
    retiring.delete(retired);
  };

  const build = async (): Promise<T | undefined> => {
    const mine = (builds += 1);
    refusals = 0;
    // Errors of those that have retired say nothing about the present one.
    const doubtOfMine = (error: unknown): void => (mine === builds ? doubt(error) : undefined);
    try {
      return await within(buildTimeoutMs, options.build(doubtOfMine), (late) => void retire(late));
    } catch (error) {
      tell(error);
      const isUnmigrated = errorName(error) === 'DATABASE_UNMIGRATED';
      settleFirst(keyturnError(isUnmigrated ? 'DATABASE_UNMIGRATED' : 'QUEUE_UNAVAILABLE'));
      return undefined;
    }
  };
  /** Resolves when the generation is to be replaced. */
  const watch = async (generation: T): Promise<void> => {
    for (;;) {
      await rest(checkEveryMs);
      if (asked.renew || asked.end) return;
      asked.check = false;
      try {
        await within(pingTimeoutMs, generation.ping());
      } catch (error) {
        return tell(error);
      }
      await pause(doubtPauseMs);
    }
  };
  const live = async (): Promise<void> => {
    let failures = 0;
    while (!asked.end) {
      asked.check = asked.renew = false;
      const generation = await build();
      if (generation !== undefined) {
        const since = performance.now();
        current = generation;
        told = undefined;
        settleFirst();
        await watch(generation);
        current = undefined;
        void retire(generation);
        if (performance.now() - since > soundAfterMs) failures = 0;
        // Who asks for a new one gets it at once; what failed is tried again after a pause that grows.
        if (asked.renew && refusals < maxRefusals) continue;
      }
      failures += 1;
      asked.check = asked.renew = false;
      const waitMs = Math.min(backoffMs.longest, backoffMs.first * 2 ** Math.min(failures - 1, 10));
      // Up to a half more, so that many workers do not come back at the same moment.
      await rest(waitMs * (1 + Math.random() / 2));
    }
    settleFirst(keyturnError('QUEUE_UNAVAILABLE'));
  };
  const living = live();

  return {
    current: () => current,
    first,
    doubt,
    renew: () => ask('renew'),
    end: async () => {
      ask('end');
      await living;
      await Promise.all(retiring);
    },
  };
}

/** The answer, or a rejection after the time. What comes too late is given to `late`. */
export async function within<T>(ms: number, answer: Promise<T>, late: (value: T) => void = () => {}): Promise<T> {
  const timeout = new AbortController();
  let isLate = false;
  try {
    return await Promise.race([
      answer.then((value) => {
        if (isLate) late(value);
        return value;
      }),
      pause(ms, undefined, { signal: timeout.signal }).then(() => {
        isLate = true;
        throw keyturnError('DEADLINE_EXCEEDED', { call: 'the queue', deadlineMs: ms });
      }),
    ]);
  } finally {
    timeout.abort();
  }
}
