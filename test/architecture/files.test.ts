import ts from 'typescript';
import { expect, test } from 'vitest';
import type { SourceFile } from './source-tree.js';
import { readSources, walk } from './source-tree.js';

const maxLines = 400;
const sources = readSources('src', 'rotators', 'workflows');

/** Files that are allowed to read the environment: the composition root, and entry files of child processes. */
const isDoor = (path: string): boolean => path === 'src/main.ts' || /^src\/.*-process\.ts$/.test(path);

/** A sentence for every place that reads the environment and is no door. */
function environmentReads(files: readonly SourceFile[]): readonly string[] {
  const found: string[] = [];
  for (const file of files.filter(({ path }) => !isDoor(path))) {
    walk(file, (node, line) => {
      const isRead =
        (ts.isPropertyAccessExpression(node) &&
          node.name.text === 'env' &&
          /\bprocess$/.test(node.expression.getText())) ||
        (ts.isElementAccessExpression(node) && /^process$/.test(node.expression.getText())) ||
        (ts.isBindingElement(node) &&
          /^env\b/.test(node.getText()) &&
          /=\s*process$/.test(node.parent.parent.getText())) ||
        (ts.isImportSpecifier(node) &&
          (node.propertyName ?? node.name).text === 'env' &&
          /process['"]/.test(node.parent.parent.parent.getText()));
      if (isRead) found.push(`${file.path}:${line} reads the environment`);
    });
  }
  return found;
}

const tooLong = (files: readonly SourceFile[]): readonly string[] =>
  files
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > maxLines)
    .map(({ path, lines }) => `${path} has ${lines} lines: a subject not yet split`);

/** Names that say "things that found no home". */
const homeless = (files: readonly SourceFile[]): readonly string[] =>
  files.map(({ path }) => path).filter((path) => /(^|[/-])(utils?|helpers?|common|types|misc)(\.ts|\/)/.test(path));

test('the environment is read at the door only', () => {
  expect(environmentReads(sources)).toEqual([]);
});

test('no file is past 400 lines', () => {
  expect(tooLong(sources)).toEqual([]);
});

test('no file is named for having no subject', () => {
  expect(homeless(sources)).toEqual([]);
});

test('every file is named in kebab-case', () => {
  const odd = sources.map(({ path }) => path).filter((path) => !/^([a-z0-9-]+\/)*[a-z0-9-]+(\.d)?\.ts$/.test(path));

  expect(odd).toEqual([]);
});

test.each([
  "export const home = process.env['HOME'];",
  'export const home = globalThis.process.env;',
  "export const home = process['env'];",
  'export const { env } = process;',
  "import { env } from 'node:process';",
])('a read of the environment by `%s` is found', (text) => {
  expect(environmentReads([{ path: 'src/engine/planted.ts', text }])).toEqual([
    'src/engine/planted.ts:1 reads the environment',
  ]);
});

test('the composition root and entry files of processes may read it', () => {
  const text = "export const home = process.env['HOME'];";

  expect(
    environmentReads([
      { path: 'src/main.ts', text },
      { path: 'src/embedded/guard-process.ts', text },
    ]),
  ).toEqual([]);
});

test('a file of 401 lines is found', () => {
  expect(tooLong([{ path: 'src/core/planted.ts', text: 'a\n'.repeat(401) }])).toHaveLength(1);
  expect(tooLong([{ path: 'src/core/planted.ts', text: 'a\n'.repeat(400) }])).toEqual([]);
});

test('a file without a subject is found', () => {
  const names = ['src/core/utils.ts', 'src/engine/helpers/retry.ts', 'src/core/types.ts', 'src/api/http-utils.ts'];

  expect(homeless(names.map((path) => ({ path, text: '' })))).toEqual(names);
});
