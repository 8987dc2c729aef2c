import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { SourceCopy } from '../support/source-copy.js';
import type { PlantedBug } from './planted-bugs.js';

/** Seeds after which a bug counts as not found. */
const MOST_SEEDS = 3_000;

/** Which seed caught each bug when that was last kept: it is tried before the others, and may have become another run since. */
const seedsFile = new URL('./planted-seeds.json', import.meta.url);
const caughtBy = JSON.parse(readFileSync(seedsFile, 'utf8')) as Readonly<Record<string, number>>;

/** Keeps them. */
export function keepSeeds(seeds: Readonly<Record<string, number>>): void {
  writeFileSync(seedsFile, `${JSON.stringify(seeds, null, 2)}\n`);
}

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
): Promise<{ readonly missed: readonly string[] }> {
  const waiting = [...bugs];
  const missed: string[] = [];
  const work = async (): Promise<void> => {
    const copy = await SourceCopy.make('test/sim');
    // A seed that violates something; null: none does.
    const caughtIn = async (name: string): Promise<Caught | null> =>
      (await copy.run('test/sim/planted-process.ts', String(MOST_SEEDS), String(caughtBy[name] ?? 0))) as Caught | null;
    try {
      for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
        const { name } = bug;
        const caught = await copy.planted(bug.edits, async () => caughtIn(name));
        told(bug, caught);
        if (caught === null) missed.push(name);
      }
    } finally {
      await copy.remove();
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
  return { missed };
}
