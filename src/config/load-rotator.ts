import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CONTRACT } from '../contract/rotator.js';
import type { Rotator } from '../contract/rotator.js';
import { keyturnError } from '../core/errors.js';
import { importModule, nameOf } from './import-module.js';
import { shippedRotators } from './own-doors.js';
import { isRotator } from './is-rotator.js';

/** Where a rotator's module is looked for in its folder, sources first: they are what is being written. */
const places = ['src/index.ts', 'index.ts', 'src/index.js', 'index.js', 'dist/index.js', 'dist/src/index.js'];

/** A rotator and where it came from. */
export interface LoadedRotator {
  readonly rotator: Rotator;
  /** Absolute. */
  readonly file: string;
}

/**
 * Loads a rotator by the name of one that is shipped, or by the path of its module or package.
 *
 * *Errors* `ROTATOR_INVALID`; `CONTRACT_MISMATCH` where it was built for another contract.
 */
export async function loadRotator(nameOrPath: string): Promise<LoadedRotator> {
  const file = shippedRotators().get(nameOrPath) ?? rotatorFile(resolve(nameOrPath));
  const rotator = await loadAs(file, 'a rotator');
  if (!isRotator(rotator)) {
    const finding = 'its default export lacks members of the contract';
    throw invalid(file, 'a rotator', finding, 'Export what `defineRotator` gives as the default.');
  }
  if (rotator.contract !== CONTRACT) {
    throw keyturnError('CONTRACT_MISMATCH', { rotator: rotator.name, contract: rotator.contract, spoken: CONTRACT });
  }
  return { rotator, file };
}

/**
 * Loads the harness of a rotator: the default export of its module, or the one called `harness`.
 *
 * *Errors* `ROTATOR_INVALID`.
 */
export async function loadHarness(path: string): Promise<{ readonly rotator: Rotator }> {
  const file = resolve(path);
  const wanted = 'a harness';
  if (!isFile(file)) throw invalid(file, wanted, 'there is no such file', 'Name the module with --harness.');
  const loaded = await loadAs(file, wanted);
  const harness = has(loaded, 'harness') ? loaded['harness'] : loaded;
  if (!has(harness, 'rotator') || !isRotator(harness.rotator)) {
    throw invalid(file, wanted, 'it has no `rotator`', 'Export { rotator, capabilities, begin } as the default.');
  }
  if (!has(harness, 'capabilities') || !has(harness, 'begin') || typeof harness.begin !== 'function') {
    const cure = 'Give what the rotator says of the configurations of `begin`, and a `begin` that sets a stage up.';
    throw invalid(file, wanted, 'it lacks `capabilities` or `begin`', cure);
  }
  return harness as { readonly rotator: Rotator };
}

async function loadAs(file: string, wanted: string): Promise<unknown> {
  try {
    return await importModule(file, { isFresh: false });
  } catch (error) {
    const cure = 'Mend the module; --verbose shows where. Packages it imports must be installed where it lies.';
    throw invalid(file, wanted, `running it threw (${nameOf(error)})`, cure, error);
  }
}

function rotatorFile(path: string): string {
  if (isFile(path)) return path;
  const known = [...shippedRotators().keys()].join(', ');
  const cure = `Name a module, a folder with src/index.ts, or one that is shipped: ${known}.`;
  if (!existsSync(path)) throw invalid(path, 'a rotator', 'there is no such file or folder', cure);
  const found = [mainOf(path), ...places].filter((place) => place !== undefined).map((place) => join(path, place));
  const file = found.find(isFile);
  if (file === undefined) throw invalid(path, 'a rotator', 'the folder holds no module of one', cure);
  return file;
}

/** What the package of this folder says its module is, as far as that was built. */
function mainOf(folder: string): string | undefined {
  const manifest = join(folder, 'package.json');
  // Where the sources are there, they are what is being written; what was built may be of yesterday.
  if (!isFile(manifest) || isFile(join(folder, 'src/index.ts'))) return undefined;
  try {
    const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
    const main = has(parsed, 'main') ? parsed['main'] : undefined;
    return typeof main === 'string' ? main : undefined;
  } catch {
    return undefined;
  }
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

function has<Name extends string>(value: unknown, name: Name): value is Readonly<Record<Name, unknown>> {
  return typeof value === 'object' && value !== null && name in value;
}

function invalid(file: string, wanted: string, finding: string, cure: string, cause?: unknown): Error {
  return keyturnError('ROTATOR_INVALID', { file, wanted, finding, cure }, cause);
}
