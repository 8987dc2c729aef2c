import { availableParallelism } from 'node:os';
import { SourceCopy } from '../support/source-copy.js';
import type { PlantedBug } from './planted-bugs.js';

/** Seeds after which a bug counts as not found. */
const MOST_SEEDS = 3_000;

/** What the simulator has found in a copy. */
interface Caught {
  readonly seed: number;
  readonly invariant: string;
  readonly what: string;
}

/**
 * Plants each of these bugs in turn, in as many copies at a time as there are processors, at most two.
 *
 * `told` is called for each as it is caught, or not.
 */
export async function catchAll(
  bugs: readonly PlantedBug[],
  told: (bug: PlantedBug, caught: Caught | null) => void,
): Promise<{ readonly missed: readonly string[]; readonly latestSeed: number }> {
  const waiting = [...bugs];
  const missed: string[] = [];
  let latestSeed = 0;
  const work = async (): Promise<void> => {
    const copy = await SourceCopy.make('test/sim');
    // The first seed that violates something; null: none does.
    const firstCaught = async (): Promise<Caught | null> =>
      (await copy.run('test/sim/planted-process.ts', String(MOST_SEEDS))) as Caught | null;
    try {
      for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
        const caught = await copy.planted(bug.edits, firstCaught);
        told(bug, caught);
        if (caught === null) missed.push(bug.name);
        else latestSeed = Math.max(latestSeed, caught.seed);
      }
    } finally {
      await copy.remove();
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
  return { missed, latestSeed };
}
