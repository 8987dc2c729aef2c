import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { type MutationReport, compareSurvivors, onOneLine, readList, survivorsOf } from '../../scripts/mutants.js';
import { root } from './source-tree.js';

const listed = readList(readFileSync(join(root, 'docs/mutants.md'), 'utf8'));
// Ours, and the next line reads the one field that is of interest.
const { mutate } = JSON.parse(readFileSync(join(root, 'stryker.config.json'), 'utf8')) as {
  readonly mutate: readonly string[];
};

/** A file, and of what is too long to be mutated as a whole the first and the last line that are. */
const places = mutate.map((entry) => {
  const [file = '', first, last] = entry.split(/[:-](?=\d)/);
  return { entry, file, range: first === undefined ? null : ([Number(first), Number(last)] as const) };
});

test.each(places)('$entry is there to be mutated', ({ file, range }) => {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  expect(lines.length).toBeGreaterThan(1);
  if (range === null) return;
  // Whole functions: a range that a change of the file has moved is found here.
  expect(lines[range[0] - 1]).toMatch(/^(export )?function |^ {2}\w+\(.*\{$/);
  expect(lines[range[1] - 1]).toMatch(/^( {2})?\}$/);
});

// The run that proves the list takes minutes; this says at once that a line it speaks of is no longer there.
test.each(listed)('a listed mutant changes what stands in $file: $from', ({ file, from, to }) => {
  expect(places.map((each) => each.file)).toContain(file);
  expect(onOneLine(readFileSync(join(root, file), 'utf8'))).toContain(from);
  expect(to).not.toBe(from);
});

describe('a run', () => {
  const source = 'one();\nif (a && b) {\n  two();\n}\n';
  const mutant = (status: string, replacement: string, start: [number, number], end: [number, number]) => ({
    status,
    replacement,
    location: { start: { line: start[0], column: start[1] }, end: { line: end[0], column: end[1] } },
  });
  const report: MutationReport = {
    files: {
      'src/a.ts': {
        source,
        mutants: [
          mutant('Killed', 'false', [2, 5], [2, 11]),
          mutant('Timeout', '', [1, 1], [1, 7]),
          mutant('Survived', 'true', [2, 5], [2, 6]),
          mutant('NoCoverage', '{}', [2, 13], [4, 2]),
        ],
      },
    },
  };
  const condition = { file: 'src/a.ts', from: 'if (a && b) {', to: 'if (true && b) {' };
  const block = { file: 'src/a.ts', from: 'if (a && b) { two(); }', to: 'if (a && b) {}' };

  it('names the lines that were changed without a test noticing, or running them', () => {
    expect(survivorsOf(report)).toEqual([condition, block]);
  });

  it('is compared with the list one for one', () => {
    expect(compareSurvivors([condition, block], [block, condition])).toEqual({ unlisted: [], dead: [] });
    expect(compareSurvivors([condition, condition], [condition])).toEqual({ unlisted: [condition], dead: [] });
    expect(compareSurvivors([condition], [condition, block])).toEqual({ unlisted: [], dead: [block] });
  });
});

describe('the list', () => {
  const page = [
    '# Mutants',
    '## `src/a.ts`',
    '```diff',
    '- if (a && b) {',
    '+ if (true && b) {',
    '- two();',
    '+',
    '```',
    'The caller',
    'has asked.',
    '',
  ];

  it('gives a reason for every pair of lines', () => {
    const why = 'The caller has asked.';
    expect(readList(page.join('\n'))).toEqual([
      { file: 'src/a.ts', from: 'if (a && b) {', to: 'if (true && b) {', why },
      { file: 'src/a.ts', from: 'two();', to: '', why },
    ]);
  });

  it.each([
    ['a block without a reason', page.slice(0, 8)],
    ['a block under no file', page.slice(2)],
    ['a line without its counterpart', page.filter((line) => line !== '+')],
  ])('is refused with %s', (_, lines) => {
    expect(() => readList(lines.join('\n'))).toThrow(TypeError);
  });
});
