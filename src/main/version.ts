import { existsSync, readFileSync } from 'node:fs';

/** Where the package's file is, seen from the sources and from what was built. */
const places = ['../../package.json', '../../../package.json'];

/** The version of this copy of Keyturn. */
export function version(): string {
  const file = places.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(url));
  if (file === undefined) throw new TypeError('the package has no package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
}
