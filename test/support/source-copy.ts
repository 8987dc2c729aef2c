import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundle } from './bundle.js';

/** One change of the text of a file. */
export interface Edit {
  readonly file: string;
  /** The exact text, which stands in the file once. */
  readonly find: string;
  readonly replace: string;
}

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The engine with everything it needs to run over the memory ports. */
const engine = [
  'src/core',
  'src/contract',
  'src/ports',
  'src/engine',
  'src/adapters/memory',
  'workflows',
  'test/support/plans.ts',
  'tsconfig.json',
  'package.json',
];

/** Everything that a suite needs. */
const whole = [
  'src',
  'rotators',
  'workflows',
  'scripts',
  'docs',
  'test',
  'tsconfig.json',
  'package.json',
  'vitest.config.ts',
];

/** A copy of the engine and of one rig that runs it, in which faults are planted one at a time. */
export class SourceCopy {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where it is. */
  get folder(): string {
    return this.#folder;
  }

  /** All of it, with the packages of the original. Whoever makes it removes it. */
  static async whole(): Promise<SourceCopy> {
    const copy = await SourceCopy.#of(whole);
    await symlink(join(repository, 'node_modules'), join(copy.folder, 'node_modules'));
    return copy;
  }

  /** `rig`: the folder of its tests, `test/sim` for one. Whoever makes it removes it. */
  static async make(rig: string): Promise<SourceCopy> {
    return SourceCopy.#of([...engine, rig]);
  }

  static async #of(paths: readonly string[]): Promise<SourceCopy> {
    const folder = await mkdtemp(join(tmpdir(), 'keyturn-copy-'));
    for (const path of paths) await cp(join(repository, path), join(folder, path), { recursive: true });
    return new SourceCopy(folder);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /**
   * Plants the edits, lets something happen, and takes them out again.
   * *Errors* a `TypeError` where a text to replace does not stand in its file exactly once.
   */
  async planted<Result>(edits: readonly Edit[], happen: () => Promise<Result>): Promise<Result> {
    const before = new Map<string, string>();
    try {
      for (const { file, find, replace } of edits) {
        const path = join(this.#folder, file);
        const source = await readFile(path, 'utf8');
        if (!before.has(path)) before.set(path, source);
        if (source.split(find).length !== 2)
          throw new TypeError(`the text to replace does not stand in ${file} exactly once: ${find}`);
        await writeFile(
          path,
          source.replace(find, () => replace),
        );
      }
      return await happen();
    } finally {
      for (const [path, source] of before) await writeFile(path, source);
    }
  }

  /** Runs a program of the copy in a process of its own. *Returns* what it prints as JSON. */
  async run(program: string, ...args: readonly string[]): Promise<unknown> {
    const file = join(this.#folder, `${basename(program, '.ts')}.mjs`);
    await bundle(join(this.#folder, program), file);
    const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], { cwd: this.#folder });
    return JSON.parse(stdout);
  }
}
