import { join } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, test } from 'vitest';
import { readSources, root } from './source-tree.js';

const eslint = new ESLint({ cwd: root });

/** The rules that refuse `text`, were it the content of an existing file of this folder. */
async function refusals(folder: string, text: string): Promise<readonly string[]> {
  // The path must be one the compiler's project knows, or no typed rule runs.
  const [file] = readSources(folder);
  if (file === undefined) throw new Error(`no source file in ${folder} to plant a violation in`);
  const [result] = await eslint.lintText(text, { filePath: join(root, file.path) });
  const messages = result?.messages ?? [];
  const broken = messages.find((message) => message.fatal === true);
  if (broken !== undefined) throw new Error(`the planted text was not linted: ${broken.message}`);
  return messages.filter((message) => message.severity === 2).map((message) => message.ruleId ?? '');
}

const save = 'async function save(): Promise<void> {}\n';

describe('a forgotten promise', () => {
  test('is refused where nobody awaits it', async () => {
    expect(await refusals('src/adapters', `${save}export function act(): void { save(); }`)).toContain(
      '@typescript-eslint/no-floating-promises',
    );
  });

  test('is refused as the condition of a branch', async () => {
    expect(await refusals('src/adapters', `${save}export function act(): number { return save() ? 1 : 2; }`)).toContain(
      '@typescript-eslint/no-misused-promises',
    );
  });

  test('is refused where the engine forgets it too', async () => {
    expect(await refusals('src/engine', `${save}export function act(): void { save(); }`)).toContain(
      '@typescript-eslint/no-floating-promises',
    );
  });

  test('is no complaint once awaited', async () => {
    expect(
      await refusals('src/adapters', `${save}export async function act(): Promise<void> { await save(); }`),
    ).toEqual([]);
  });
});

describe('the folders that decide', () => {
  test.each([
    'export const now = (): number => Date.now();',
    'export const pick = (): number => Math.random();',
    'export const later = (act: () => void): unknown => setTimeout(act, 1);',
    "import { createHash } from 'node:crypto';\nexport const hash = createHash;",
    'export async function decide(): Promise<void> {}',
  ])('refuse `%s` in the core', async (text) => {
    expect(await refusals('src/core', text)).not.toEqual([]);
  });

  test.each(['workflows'])('refuse a promise in %s', async (folder) => {
    const planted = 'export const wait = async (): Promise<void> => {};';

    expect(await refusals(folder, planted)).toContain('no-restricted-syntax');
  });
});

test('a case left out of a switch over a union is refused', async () => {
  const planted = `export function f(way: 'on' | 'back'): number | undefined { switch (way) { case 'on': return 1; } return undefined; }`;

  expect(await refusals('src/adapters', planted)).toContain('@typescript-eslint/switch-exhaustiveness-check');
});

test('`any` is refused', async () => {
  expect(await refusals('src/adapters', 'export const f = (value: any): unknown => value;')).toContain(
    '@typescript-eslint/no-explicit-any',
  );
});

test('reading the environment away from the door is refused', async () => {
  expect(await refusals('src/engine', "export const home = process.env['HOME'];")).toContain('no-restricted-syntax');
});

test('no file of ours switches the promise rules off', () => {
  const switchedOff = readSources('src', 'rotators', 'workflows', 'test')
    .filter(({ path }) => path !== 'test/architecture/linter.test.ts')
    .filter(({ text }) => /eslint-disable.*(no-floating-promises|no-misused-promises)/.test(text));

  expect(switchedOff.map(({ path }) => path)).toEqual([]);
});
