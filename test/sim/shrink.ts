import type { Narrowing } from './profile.js';
import { type RunResult, runSeed } from './world.js';

/** A failing run, as small as it was made, and what replays it. */
export interface Shrunk {
  readonly seed: number;
  readonly invariant: string;
  readonly what: string;
  /** The kinds of fault it takes; the same as `--only`. */
  readonly only: readonly string[];
  /** Faults after this play no part. Milliseconds since the run began. */
  readonly horizonMs: number;
}

/** Halvings of the horizon: a run is about three minutes long, and a quarter of a second is fine enough. */
const HALVINGS = 10;

/**
 * Bisects the horizon, then drops kinds of fault one by one, as long as a violation of the same invariant stays, then
 * bisects again. *Returns* null where the seed violates nothing.
 */
export function shrink(seed: number, narrowing: Narrowing = {}): Shrunk | null {
  const first = runSeed(seed, narrowing);
  const [violation] = first.violations;
  if (violation === undefined) return null;
  const fails = (only: readonly string[], horizonMs: number): RunResult | null => {
    const run = runSeed(seed, { only: new Set(only), horizonMs });
    return run.violations.some((each) => each.invariant === violation.invariant) ? run : null;
  };
  let only = first.active;
  let horizonMs = bisected(only, first.faultsEndMs, fails);
  for (const kind of first.active) {
    const without = only.filter((each) => each !== kind);
    if (fails(without, horizonMs) !== null) only = without;
  }
  horizonMs = bisected(only, horizonMs, fails);
  const found = fails(only, horizonMs)?.violations.find((each) => each.invariant === violation.invariant) ?? violation;
  return { seed, invariant: found.invariant, what: found.what, only, horizonMs };
}

/** The earliest horizon found at which it still fails. */
function bisected(
  only: readonly string[],
  failsAtMs: number,
  fails: (only: readonly string[], horizonMs: number) => RunResult | null,
): number {
  let [passesMs, least] = [0, failsAtMs];
  for (let halving = 0; halving < HALVINGS && least - passesMs > 1; halving += 1) {
    const middleMs = Math.floor((passesMs + least) / 2);
    if (fails(only, middleMs) === null) passesMs = middleMs;
    else least = middleMs;
  }
  return least;
}

/** The one command that replays a failing run and prints what happened in it. */
export function replayCommand({ seed, only, horizonMs }: Pick<Shrunk, 'seed' | 'only' | 'horizonMs'>): string {
  return `npm run sim -- --seeds 1 --from ${seed} --only '${only.join(',')}' --horizon ${horizonMs}`;
}
