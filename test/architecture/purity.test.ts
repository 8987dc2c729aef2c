import ts from 'typescript';
import { expect, test } from 'vitest';
import type { SourceFile } from './source-tree.js';
import { readSources, walk } from './source-tree.js';

/** Names that reach a clock, a timer, randomness or the process. The core is given facts; it goes and gets none. */
const banned = new Set([
  ...['Date', 'Intl', 'Temporal', 'performance', 'process', 'crypto', 'fetch', 'console', 'globalThis', 'global'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'require', 'eval', 'Promise'],
]);

/** A sentence for every place in `src/core` that could make the same input give two answers. */
function impurities(files: readonly SourceFile[]): readonly string[] {
  const found: string[] = [];
  for (const file of files.filter(({ path }) => path.startsWith('src/core/'))) {
    walk(file, (node, line) => {
      if (ts.isIdentifier(node) && banned.has(node.text) && !isMemberName(node)) {
        found.push(`${file.path}:${line} names ${node.text}`);
      } else if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') {
        found.push(`${file.path}:${line} names Math.random`);
      } else if (ts.isElementAccessExpression(node) && node.expression.getText() === 'Math') {
        found.push(`${file.path}:${line} reaches into Math by a computed name`);
      } else if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) {
        found.push(`${file.path}:${line} is asynchronous`);
      }
    });
  }
  return found;
}

/** `window.fetch` in a type or `{ process: … }` as a field is a word of ours, not the global. */
const isMemberName = (node: ts.Identifier): boolean => {
  const { parent } = node;
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    ((ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodSignature(parent)) &&
      parent.name === node)
  );
};

test('the core has no clock, no randomness, no timer and no process', () => {
  expect(impurities(readSources('src/core'))).toEqual([]);
});

test.each([
  'export const now = () => Date.now();',
  'export const now = () => new Date();',
  'export const at = (instant: Date) => instant;',
  'export const pick = () => Math.random();',
  'export const pick = () => Math["random"]();',
  'export const later = (act: () => void) => setTimeout(act, 1);',
  'export const id = () => crypto.randomUUID();',
  'export const took = () => performance.now();',
  'export const where = () => process.env;',
  'export const sly = () => globalThis;',
  'export async function decide() {}',
  'export const zone = () => new Intl.DateTimeFormat();',
])('a core file with `%s` is refused', (text) => {
  expect(impurities([{ path: 'src/core/planted.ts', text }])).not.toEqual([]);
});

test('a field that happens to bear such a name is allowed', () => {
  const text = 'export interface Child { readonly process: string }\nexport const name = (c: Child) => c.process;';

  expect(impurities([{ path: 'src/core/planted.ts', text }])).toEqual([]);
});
