import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn } from './keyturn.js';

test.each([
  ['--key', 'nowhere/k.key'],
  ['--config', 'nowhere/keyturn.config.ts'],
])('a folder that is not there (%s) is named, and nothing is made', async (option, path) => {
  const cwd = await temporaryFolder();

  const answer = await keyturn(['init', option, path], { cwd });

  expect(answer).toMatchObject({
    code: 2,
    stderr: `USAGE: there is no folder ${join(cwd, 'nowhere')}. See \`keyturn init --help\`.\n`,
  });
  expect(readdirSync(cwd)).toEqual([]);
});

test('the configuration is made where KEYTURN_CONFIG says, and what is written can be loaded', async () => {
  const cwd = await temporaryFolder();
  const env = { KEYTURN_CONFIG: join(cwd, 'ours.config.ts') };

  const made = await keyturn(['init', '--key', "o'k.key"], { cwd, env });
  const again = await keyturn(['init', '--key', "o'k.key"], { cwd, env });
  const read = await keyturn(['doctor', '--json'], { cwd, env });

  expect(made.code).toBe(0);
  expect(again.stdout).toMatch(/^Nothing to do/);
  expect(existsSync(join(cwd, 'keyturn.config.ts'))).toBe(false);
  expect(await readFile(join(cwd, 'ours.config.ts'), 'utf8')).toContain('"./o\'k.key"');
  expect(read.stdout).not.toContain('CONFIG_');
});
