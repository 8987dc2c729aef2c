import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PlantedBug } from './planted-bugs.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const copied = [
  'src/core',
  'src/contract',
  'src/ports',
  'src/engine',
  'src/adapters/memory',
  'workflows',
  'test/sim',
  'test/support/plans.ts',
  'tsconfig.json',
  'package.json',
];

/** Seeds after which a bug counts as not found. */
const MOST_SEEDS = 3_000;

/** What the simulator has found in a copy. */
interface Caught {
  readonly seed: number;
  readonly invariant: string;
  readonly what: string;
}

/** A copy of everything the simulator runs, in which bugs are planted one at a time. */
class Plot {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Plot> {
    const folder = await mkdtemp(join(tmpdir(), 'keyturn-plot-'));
    for (const path of copied) await cp(join(repository, path), join(folder, path), { recursive: true });
    return new Plot(folder);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /**
   * Plants a bug, runs seeds until one violates something, and takes the bug out again. *Returns* null where none does.
   * *Errors* a `TypeError` where a text to replace does not stand in its file exactly once.
   */
  async catches({ name, edits }: PlantedBug): Promise<Caught | null> {
    const before = new Map<string, string>();
    try {
      for (const { file, find, replace } of edits) {
        const path = join(this.#folder, file);
        const source = await readFile(path, 'utf8');
        if (!before.has(path)) before.set(path, source);
        if (source.split(find).length !== 2) throw new TypeError(`${name}: the text to replace in ${file} has changed`);
        await writeFile(
          path,
          source.replace(find, () => replace),
        );
      }
      return await this.firstCaught(MOST_SEEDS);
    } finally {
      for (const [path, source] of before) await writeFile(path, source);
    }
  }

  /** The first of this many seeds that violates something in the copy as it is; null: none. */
  async firstCaught(seeds: number): Promise<Caught | null> {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), join(this.#folder, 'test/sim/planted-process.ts'), String(seeds)],
      { cwd: this.#folder },
    );
    return JSON.parse(stdout) as Caught | null;
  }
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
    const plot = await Plot.make();
    try {
      for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
        const caught = await plot.catches(bug);
        told(bug, caught);
        if (caught === null) missed.push(bug.name);
        else latestSeed = Math.max(latestSeed, caught.seed);
      }
    } finally {
      await plot.remove();
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
  return { missed, latestSeed };
}
