import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { upwards } from './rotator-package.js';

/** What the process of a rotator may use. */
export interface Allowance {
  /** Of the package: it may read there. */
  readonly folder: string;
  /** Its working folder: it may read and write there. */
  readonly workingFolder: string;
  /** Absolute. */
  readonly read: readonly string[];
  /** Absolute. */
  readonly write: readonly string[];
  readonly maxMemoryMb: number;
}

/** What `node` is started with to become the process of a rotator. No argument holds anything of a secret. */
export function nodeArguments(allowance: Allowance): readonly string[] {
  const entry = fileURLToPath(new URL(isSource ? './rotator-process.ts' : './rotator-process.js', import.meta.url));
  const heap = `--max-old-space-size=${allowance.maxMemoryMb}`;
  // The loader of sources is a worker thread with a process of its own, which the permission model does not let begin.
  if (isSource) {
    const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    return [heap, '--import', loader, entry];
  }
  return [heap, ...seatBelt(allowance, entry), entry];
}

/**
 * Node's permission model, where this Node has it: no other process, no thread, no native addon, files by list. It is **no
 * boundary** (Node says so itself); it catches mistakes. <https://nodejs.org/api/permissions.html>
 */
function seatBelt({ folder, workingFolder, read, write }: Allowance, entry: string): readonly string[] {
  const flag = ['--permission', '--experimental-permission'].find((each) =>
    process.allowedNodeEnvironmentFlags.has(each),
  );
  if (flag === undefined) return [];
  const own = fileURLToPath(new URL('../../../', import.meta.url));
  const modules = [...new Set([...upwards(folder), ...upwards(dirname(entry))])];
  return [
    flag,
    '--disable-warning=ExperimentalWarning',
    ...outermost([folder, workingFolder, own, ...modules.filter(existsSync), ...read, ...write]).map(
      (path) => `--allow-fs-read=${path}`,
    ),
    ...outermost([workingFolder, ...write]).map((path) => `--allow-fs-write=${path}`),
  ];
}

/** A folder stands for all that is in it; Node 20 ends by an assertion where one that it holds is named beside it. */
function outermost(paths: readonly string[]): readonly string[] {
  const bare = [...new Set(paths.map((path) => path.replace(/(.)\/+$/, '$1')))];
  return bare.filter(
    (path) => !bare.some((other) => other !== path && path.startsWith(other === '/' ? '/' : `${other}/`)),
  );
}

const isSource = import.meta.url.endsWith('.ts');
