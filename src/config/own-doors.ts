import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of this copy of the package: of its sources, or of what was built. */
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Of its own modules: `.ts` where this one is a source. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** The package's doors by specifier, as files of this copy: sources where this file is one, else what was built. */
export function ownDoors(): Record<string, string> {
  const doors: Record<string, string> = {
    'keyturn/rotator': join(root, `src/contract/rotator${extension}`),
    'keyturn/workflow': join(root, `src/contract/workflow${extension}`),
    'keyturn/testing': join(root, `src/testing/index${extension}`),
    'keyturn/consumer': join(root, `src/consumer/index${extension}`),
  };
  for (const [name, file] of shippedRotators()) doors[doorOf(name)] = file;
  // Last: an alias stands for what begins with it as well.
  doors['keyturn'] = join(root, `src/index${extension}`);
  return doors;
}

/** The rotators of this package, by name, and the file of each. */
export function shippedRotators(): ReadonlyMap<string, string> {
  const files = namesIn(join(root, 'rotators')).map(
    (name) => [name, join(root, 'rotators', name, `index${extension}`)] as const,
  );
  return new Map(files.filter(([, file]) => existsSync(file)));
}

/** What a person imports to have the rotator of this name, as far as we know it: ours by their specifier. */
export function importOf(rotator: string): string | undefined {
  return shippedRotators().has(rotator) ? doorOf(rotator) : undefined;
}

const doorOf = (rotator: string): string => `keyturn/rotators/${rotator}`;

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
