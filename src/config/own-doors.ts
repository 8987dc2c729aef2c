import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's doors by specifier, as files of this copy: sources where this file is one, else what was built. */
export function ownDoors(): Record<string, string> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const doors: Record<string, string> = {
    'keyturn/rotator': join(root, `src/contract/rotator${extension}`),
    'keyturn/workflow': join(root, `src/contract/workflow${extension}`),
    'keyturn/testing': join(root, `src/testing/index${extension}`),
    'keyturn/consumer': join(root, `src/consumer/index${extension}`),
  };
  for (const name of namesIn(join(root, 'rotators'))) {
    const index = join(root, 'rotators', name, `index${extension}`);
    if (existsSync(index)) doors[`keyturn/rotators/${name}`] = index;
  }
  // Last: an alias stands for what begins with it as well.
  doors['keyturn'] = join(root, `src/index${extension}`);
  return doors;
}

/** What a person imports to have the rotator of this name, as far as we know it: ours by their specifier. */
export function importOf(rotator: string): string | undefined {
  const door = `keyturn/rotators/${rotator}`;
  return Object.hasOwn(ownDoors(), door) ? door : undefined;
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
