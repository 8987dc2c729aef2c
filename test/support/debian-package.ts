import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where packages were unpacked to, or why not. */
export type Unpacked =
  | { readonly kind: 'unpacked'; readonly folder: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

/**
 * Unpacks packages of Debian into a cache in `node_modules`. Nothing is installed and root is not needed; the package
 * lists of apt are. The first package names the whole; `wanted` is the file they are unpacked for.
 *
 * *Repeat*: the cache is used; two at the same time do not disturb each other.
 */
export async function unpackDebian(name: string, packages: readonly string[], wanted: string): Promise<Unpacked> {
  const cache = fileURLToPath(new URL(`../../node_modules/.cache/${name}`, import.meta.url));
  const folder = join(cache, 'debian');
  if (!(await isThere(join(folder, wanted)))) {
    const failure = await unpackInto(cache, folder, packages);
    if (failure !== undefined) return { kind: 'unavailable', reason: `Debian's ${packages[0]} ${failure}` };
  }
  if (await isThere(join(folder, wanted))) return { kind: 'unpacked', folder };
  return { kind: 'unavailable', reason: `Debian's ${packages[0]} holds no ${wanted}` };
}

async function unpackInto(cache: string, to: string, packages: readonly string[]): Promise<string | undefined> {
  let folder: string | undefined;
  try {
    await mkdir(cache, { recursive: true });
    folder = await mkdtemp(join(cache, 'unpacking-'));
    await run('apt-get', ['download', ...packages], { cwd: folder });
    const unpacked = join(folder, 'root');
    for (const file of await readdir(folder)) {
      if (file.endsWith('.deb')) await run('dpkg', ['-x', join(folder, file), unpacked]);
    }
    await rename(unpacked, to).catch(() => {
      // Another process was faster.
    });
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return `could not be downloaded and unpacked (${code})`;
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
