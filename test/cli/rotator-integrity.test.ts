import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderIntegrity } from '../../src/adapters/child/folder-integrity.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn } from './keyturn.js';

test('prints what the configuration wants, of a package that would not even load', async () => {
  const cwd = await temporaryFolder();
  await mkdir(join(cwd, 'acme'));
  await writeFile(join(cwd, 'acme', 'index.js'), 'process.exit(9);');

  const printed = await keyturn(['rotator', 'integrity', './acme'], { cwd });
  const missing = await keyturn(['rotator', 'integrity', './nobody', '--json'], { cwd });

  expect(printed).toEqual({ code: 0, stdout: `${await folderIntegrity(join(cwd, 'acme'))}\n`, stderr: '' });
  expect(missing.code).toBe(2);
  expect(JSON.parse(missing.stdout)).toMatchObject({ error: { code: 'ROTATOR_UNFIT' } });
});
