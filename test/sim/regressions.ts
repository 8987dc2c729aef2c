import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Shrunk } from './shrink.js';

const folder = fileURLToPath(new URL('./regressions/', import.meta.url));

/** A run that once violated something, and must not do so again. */
export interface Regression extends Shrunk {
  /** What was wrong, and with what: the engine or the simulated world. */
  readonly cause?: string;
}

/** All that are kept, by file name. */
export function regressions(): readonly { readonly name: string; readonly regression: Regression }[] {
  const names = readdirSync(folder).filter((each) => each.endsWith('.json'));
  return names
    .sort()
    .map((name) => ({ name, regression: JSON.parse(readFileSync(join(folder, name), 'utf8')) as Regression }));
}

/** Keeps a failing run. *Repeat*: the same seed and invariant is one file. *Returns* its name. */
export function keep(shrunk: Shrunk): string {
  const name = `${shrunk.invariant.toLowerCase()}-${shrunk.seed}.json`;
  writeFileSync(join(folder, name), `${JSON.stringify(shrunk, null, 2)}\n`);
  return name;
}
