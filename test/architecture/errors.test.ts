import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { catalogue, retiredCodes } from '../../src/core/errors.js';
import { withTables } from '../../scripts/errors-doc.js';
import { compilerOptions } from './compiler.js';
import { readSources, root, walk } from './source-tree.js';

interface Row {
  readonly code: string;
  readonly class: string;
}

/** The rows of every table in a page whose first cell is a code: ``| `CODE` | class | …``. */
const rowsOf = (page: string): readonly Row[] =>
  [...page.matchAll(/^\|\s*`([A-Z][A-Z0-9_]*)`\s*\|\s*([^|]*?)\s*\|/gm)].map((match) => ({
    code: match[1] ?? '',
    class: (match[2] ?? '').replaceAll('`', ''),
  }));

/** The members of the union that `src/core/errors.ts` exports as `ErrorCode`, as the compiler sees them. */
function exportedUnion(): readonly string[] {
  const path = join(root, 'src', 'core', 'errors.ts');
  const program = ts.createProgram([path], compilerOptions());
  const source = program.getSourceFile(path);
  const checker = program.getTypeChecker();
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  const symbol =
    module === undefined ? undefined : checker.getExportsOfModule(module).find(({ name }) => name === 'ErrorCode');
  if (symbol === undefined) throw new Error('src/core/errors.ts exports no type ErrorCode');
  const type = checker.getDeclaredTypeOfSymbol(symbol);
  return (type.isUnion() ? type.types : [type]).map((member) =>
    member.isStringLiteral() ? member.value : checker.typeToString(member),
  );
}

const page = join(root, 'docs', 'errors.md');
const rows = existsSync(page) ? rowsOf(readFileSync(page, 'utf8')) : [];
const codes = Object.keys(catalogue).sort();
const documented = rows.map(({ code }) => code);

describe('the catalogue, docs/errors.md and the exported union are one', () => {
  test('every code has a row', () => {
    expect(codes.filter((code) => !documented.includes(code))).toEqual([]);
  });

  test('every row has a code, or is of a retired one', () => {
    expect(documented.filter((code) => !codes.includes(code) && !retiredCodes.includes(code))).toEqual([]);
  });

  test('no code has two rows', () => {
    expect(documented.filter((code, index) => documented.indexOf(code) !== index)).toEqual([]);
  });

  test('a row names the class the engine acts on', () => {
    const classes = new Map<string, string>(Object.entries(catalogue).map(([code, entry]) => [code, entry.class]));

    expect(rows.filter((row) => classes.has(row.code) && classes.get(row.code) !== row.class)).toEqual([]);
  });

  test('the page says what the catalogue says: `npm run docs:errors` has been run', () => {
    const text = readFileSync(page, 'utf8');

    expect(text).toBe(withTables(text));
  });

  test('the union lists every code and nothing else', () => {
    expect([...exportedUnion()].sort()).toEqual(codes);
  });
});

test('a retired code is never used again', () => {
  expect(codes.filter((code) => retiredCodes.includes(code))).toEqual([]);
});

test('every code is written in capitals', () => {
  expect(codes.filter((code) => !/^[A-Z]+(_[A-Z]+)*$/.test(code))).toEqual([]);
});

test('every sentence and every cure says something', () => {
  const silent = Object.entries(catalogue).filter(
    ([, entry]) => entry.sentence.trim() === '' || entry.cure.trim() === '',
  );

  expect(silent.map(([code]) => code)).toEqual([]);
});

test('nothing but an error of the catalogue is thrown', () => {
  const thrown: string[] = [];
  // A `TypeError` says that the program is wrong, where no input could make it so; nothing else is without a code.
  // What an application embeds imports nothing of ours, and a published case fails as any assertion does.
  const isApart = (path: string): boolean => /^src\/(consumer|agent|testing)\//.test(path);
  for (const file of readSources('src', 'rotators', 'workflows').filter(({ path }) => !isApart(path))) {
    walk(file, (node, line) => {
      if (!ts.isThrowStatement(node) || !ts.isNewExpression(node.expression)) return;
      if (/^(Error|RangeError|AggregateError)$/.test(node.expression.expression.getText()))
        thrown.push(`${file.path}:${line}`);
    });
  }

  expect(thrown).toEqual([]);
});

test('a row is read wherever its table stands, and prose is not', () => {
  const planted =
    'Text about `NOT_A_ROW`.\n\n| code | class |\n|---|---|\n| `PLANTED` | `park` | why |\n|`TIGHT`|retry|why|\n';

  expect(rowsOf(planted)).toEqual([
    { code: 'PLANTED', class: 'park' },
    { code: 'TIGHT', class: 'retry' },
  ]);
});
