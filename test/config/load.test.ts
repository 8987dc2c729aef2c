import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findConfig, loadConfig } from '../../src/config/load.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyturn-config-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const options = { workflows: [], calendar: { next: () => 1 } };

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

test('TypeScript loads in a folder without node_modules', async () => {
  const path = await write(
    'keyturn.config.ts',
    `import { defineConfig, type ConfigInput } from 'keyturn';
     enum Name { Demo = 'demo' }
     const environments = { [Name.Demo]: { targets: {}, secrets: {} } } satisfies ConfigInput['environments'];
     export default defineConfig({ keyring: { file: './keyturn.key' }, environments });`,
  );

  const config = await loadConfig(path, options);

  expect(Object.keys(config.environments)).toEqual(['demo']);
  expect(config.keyring).toMatchObject({ file: join(folder, 'keyturn.key') });
});

test('JavaScript loads', async () => {
  const text =
    "import { defineConfig } from 'keyturn';\nexport default defineConfig({ keyring: { file: 'k' }, environments: {} });";

  await loadConfig(await write('keyturn.config.js', text), options);
  await loadConfig(await write('keyturn.config.mjs', text), options);
});

test('the configuration of a folder is found by its name, TypeScript first', async () => {
  expect(findConfig(folder)).toBeUndefined();

  await write('keyturn.config.mjs', '');
  await write('keyturn.config.ts', '');

  expect(findConfig(folder)).toBe(join(folder, 'keyturn.config.ts'));
});

test('a missing file is named', async () => {
  await expect(loadConfig(join(folder, 'other.ts'), options)).rejects.toThrow(
    `CONFIG_MISSING: there is no configuration file ${folder}/other.ts`,
  );
});

test('a file that throws is named without what it threw', async () => {
  const path = await write('keyturn.config.ts', "throw new TypeError('hunter2');");

  const error: unknown = await loadConfig(path, options).catch((thrown: unknown) => thrown);

  expect((error as Error).message).toBe(
    `CONFIG_FAILED: the configuration file ${path} could not be loaded (TypeError). Fix the file; --verbose shows where.`,
  );
  expect(String((error as Error).cause)).toContain('hunter2');
});

test.each([
  ['a getter that throws', "export default { get keyring() { throw new TypeError('hunter2'); } };", 'TypeError'],
  [
    'settings that hold themselves',
    `import rotator from 'keyturn/rotators/random';
     const config = {}; config.self = config; export default { keyring: { file: 'k' }, environments: {
       a: { targets: { t: { rotator, config } }, secrets: {} } } };`,
    'CONFIG_',
  ],
])('%s is a configuration that fails, without what it threw', async (_, text, says) => {
  const path = await write('keyturn.config.mjs', text);

  const error = (await loadConfig(path, options).catch((thrown: unknown) => thrown)) as Error;

  expect(error.message).toMatch(/^CONFIG_(FAILED|INVALID): /);
  expect(error.message).toContain(says);
  expect(error.message).not.toContain('hunter2');
});

test('a rotator that does not exist is an import that fails', async () => {
  const path = await write(
    'keyturn.config.ts',
    "import nobody from 'keyturn/rotators/nobody';\nexport default nobody;",
  );

  await expect(loadConfig(path, options)).rejects.toThrow('CONFIG_FAILED');
});
