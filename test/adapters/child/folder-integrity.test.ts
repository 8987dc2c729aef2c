import { chmod, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderIntegrity } from '../../../src/adapters/child/folder-integrity.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

async function aPackage(): Promise<string> {
  const folder = join(await temporaryFolder(), 'acme');
  await mkdir(join(folder, 'lib'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{}');
  await writeFile(join(folder, 'lib', 'a.js'), 'one');
  await writeFile(join(folder, 'lib', 'b.js'), 'two');
  return folder;
}

test('is the same for the same files, whatever their times and rights, wherever they are', async () => {
  const [one, other] = [await aPackage(), await aPackage()];
  await utimes(join(other, 'lib', 'a.js'), 1, 1);
  await chmod(join(other, 'lib', 'b.js'), 0o600);
  const moved = `${other}-moved`;
  await rename(other, moved);

  expect(await folderIntegrity(moved)).toBe(await folderIntegrity(one));
  expect(await folderIntegrity(one)).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
});

test.each<readonly [string, (folder: string) => Promise<unknown>]>([
  ['a file is changed', (folder) => writeFile(join(folder, 'lib', 'a.js'), 'One')],
  ['a file is added', (folder) => writeFile(join(folder, 'lib', 'c.js'), '')],
  ['a file is removed', (folder) => rm(join(folder, 'lib', 'b.js'))],
  ['a file is renamed', (folder) => rename(join(folder, 'lib', 'b.js'), join(folder, 'lib', 'c.js'))],
  [
    'two files change their contents',
    async (folder) => {
      await writeFile(join(folder, 'lib', 'a.js'), 'two');
      await writeFile(join(folder, 'lib', 'b.js'), 'one');
    },
  ],
  [
    'what ends one file begins the next',
    async (folder) => {
      await writeFile(join(folder, 'lib', 'a.js'), 'onet');
      await writeFile(join(folder, 'lib', 'b.js'), 'wo');
    },
  ],
  [
    'a dependency that it brings is changed',
    async (folder) => {
      await mkdir(join(folder, 'node_modules', 'left'), { recursive: true });
      await writeFile(join(folder, 'node_modules', 'left', 'index.js'), '');
    },
  ],
  ['a link is put in', (folder) => symlink('a.js', join(folder, 'lib', 'c.js'))],
])('is another one where %s', async (_, change) => {
  const folder = await aPackage();
  const before = await folderIntegrity(folder);

  await change(folder);

  expect(await folderIntegrity(folder)).not.toBe(before);
});

test('a link that leads out of the folder is refused, for what is behind it can change', async () => {
  const folder = await aPackage();
  await symlink('../../elsewhere', join(folder, 'lib', 'out'));

  await expect(folderIntegrity(folder)).rejects.toThrow(
    `ROTATOR_UNFIT: the rotator package ${folder} cannot be used: the link lib/out leads out of it`,
  );
});

test('a folder that is not there is named', async () => {
  const folder = join(await temporaryFolder(), 'nobody');

  await expect(folderIntegrity(folder)).rejects.toThrow(`${folder} cannot be used: its folder cannot be read (ENOENT)`);
});
