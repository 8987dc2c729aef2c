import { cp, mkdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../support/built.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Builds the package and installs a copy of it, with our `node_modules`. A run takes minutes, and whoever builds anew
 * meanwhile must not change what its workers are.
 *
 * *Returns* the path of its command.
 */
export async function installPackage(folder: string): Promise<string> {
  await build();
  const installed = join(folder, 'package');
  for (;;) {
    const stamp = await stampOf();
    await rm(installed, { recursive: true, force: true });
    await mkdir(installed);
    const isWhole = await cp(join(root, 'dist'), join(installed, 'dist'), { recursive: true }).then(
      () => true,
      () => false,
    );
    // Replaced while it was copied, it may be half of two.
    if (isWhole && stamp !== undefined && stamp === (await stampOf())) break;
  }
  await cp(join(root, 'package.json'), join(installed, 'package.json'));
  await symlink(join(root, 'node_modules'), join(installed, 'node_modules'));
  return join(installed, 'dist', 'src', 'cli', 'bin.js');
}

/** Tells one build from another. */
async function stampOf(): Promise<string | undefined> {
  return stat(join(root, 'dist', '.built')).then(
    ({ ino, mtimeMs }) => `${ino} ${mtimeMs}`,
    () => undefined,
  );
}
