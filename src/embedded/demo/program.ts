import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * What `node` is given to run a module of ours, named from the module that asks and without its extension. From sources
 * (tsx) it needs a loader; built, it is plain JavaScript.
 */
export function programOf(name: string, from: string): readonly string[] {
  const isSource = from.endsWith('.ts');
  const path = fileURLToPath(new URL(`${name}${isSource ? '.ts' : '.js'}`, from));
  return isSource ? ['--import', pathToFileURL(createRequire(from).resolve('tsx')).href, path] : [path];
}
