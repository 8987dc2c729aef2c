import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { findRotatorPackage } from '../../../src/adapters/child/rotator-package.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

async function installed(at: string, manifest: object, files: readonly string[] = ['index.js']): Promise<string> {
  for (const file of files) {
    await mkdir(join(at, file, '..'), { recursive: true });
    await writeFile(join(at, file), '');
  }
  await writeFile(join(at, 'package.json'), JSON.stringify(manifest));
  return at;
}

test('is found in the nearest node_modules above the configuration', async () => {
  const root = await temporaryFolder();
  await installed(join(root, 'node_modules', '@acme', 'rotator'), {});
  const near = await installed(join(root, 'a', 'node_modules', '@acme', 'rotator'), {});
  await mkdir(join(root, 'a', 'b'), { recursive: true });

  expect((await findRotatorPackage('@acme/rotator', join(root, 'a', 'b'))).folder).toBe(near);
});

test('is found where a link leads, and by a path beside the configuration', async () => {
  const root = await temporaryFolder();
  const folder = await installed(join(root, 'store', 'acme@1'), {});
  await mkdir(join(root, 'node_modules'));
  await symlink(folder, join(root, 'node_modules', 'acme'));

  expect((await findRotatorPackage('acme', root)).folder).toBe(folder);
  expect((await findRotatorPackage('./store/acme@1', root)).folder).toBe(folder);
});

test.each<readonly [object, string]>([
  [{}, 'index.js'],
  [{ main: 'lib/main.cjs' }, 'lib/main.cjs'],
  [{ main: './lib/main' }, 'lib/main.js'],
  [{ main: 'lib/main.cjs', exports: './lib/main.js' }, 'lib/main.js'],
  [{ exports: { '.': { types: './x.d.ts', import: './lib/main.js', require: './lib/main.cjs' } } }, 'lib/main.js'],
  [{ exports: { browser: './index.js', node: { default: './lib/main.js' } } }, 'lib/main.js'],
  [{ exports: { '.': ['./lib/main.js'] } }, 'lib/main.js'],
])('with %j in its package.json its file is %s', async (manifest, file) => {
  const root = await temporaryFolder();
  const folder = await installed(join(root, 'acme'), manifest, ['index.js', 'lib/main.js', 'lib/main.cjs']);

  expect((await findRotatorPackage(folder, '/')).entry).toBe(pathToFileURL(join(folder, file)).href);
});

test.each<readonly [object]>([
  [{ exports: './nobody.js' }],
  [{ exports: '../outside.js' }],
  [{ exports: { './other': './index.js' } }],
  [{ exports: { '.': { require: './index.js' } } }],
])('with %j it has no file of its own to import', async (manifest) => {
  const root = await temporaryFolder();
  const folder = await installed(join(root, 'acme'), manifest);
  await writeFile(join(root, 'outside.js'), '');

  await expect(findRotatorPackage(folder, '/')).rejects.toThrow('its package.json names no file of its own to import');
});

test('that is not installed is named with the command that installs it', async () => {
  const root = await temporaryFolder();

  await expect(findRotatorPackage('nobody-has-this', root)).rejects.toThrow(
    `ROTATOR_UNFIT: the rotator package nobody-has-this cannot be used: it is not installed for ${root}. Run: npm install nobody-has-this`,
  );
});
