import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { compilerOptions } from './compiler.js';
import type { SourceFile } from './source-tree.js';
import { readSources, root } from './source-tree.js';

/** What the types promise to refuse. At least one expectation must speak of each. */
const promises: Readonly<Record<string, RegExp>> = {
  "a Secret as a step's output": /secret/i,
  'an act without an undo': /without an? undo|no undo|undo is missing/i,
  'an act after a final': /after (a|the) final/i,
  'reading a step that has not happened': /not (yet )?happened|has not run|later step/i,
};

const expectation = /@ts-expect-error[ \t:-]*(.*)/g;

/** What is written after every `@ts-expect-error` of the file. */
const expectationsOf = (file: SourceFile): readonly string[] =>
  [...file.text.matchAll(expectation)].map((match) => (match[1] ?? '').replace(/\*\/\s*$/, '').trim());

/**
 * What the compiler says about these texts, as `path:line TS1234 message`. The texts stand in for the files on disk,
 * so that a test can hand in one it has changed.
 */
function diagnose(files: readonly SourceFile[]): readonly string[] {
  const options = compilerOptions();
  const texts = new Map(files.map(({ path, text }) => [join(root, path), text]));
  const host = ts.createCompilerHost(options);
  const onDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, target) => {
    const text = texts.get(name);
    return text === undefined ? onDisk(name, target) : ts.createSourceFile(name, text, target);
  };
  const fileExists = host.fileExists.bind(host);
  host.fileExists = (name) => texts.has(name) || fileExists(name);
  const program = ts.createProgram([...texts.keys()], options, host);
  return [...texts.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    return ts
      .getPreEmitDiagnostics(program, source)
      .filter((diagnostic) => diagnostic.file === undefined || texts.has(diagnostic.file.fileName))
      .map((diagnostic) => {
        const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? -1;
        const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');
        return `${name.slice(root.length)}:${line + 1} TS${diagnostic.code} ${message}`;
      });
  });
}

const files = readSources('test/types').filter(({ path }) => path.endsWith('.test-d.ts'));

test('there are files that say what must not compile', () => {
  expect(files.map(({ path }) => path)).not.toEqual([]);
});

test('what must not compile does not, and the rest does', () => {
  expect(diagnose(files)).toEqual([]);
});

test('each forbidden line is refused by its types, not by a missing name or module', () => {
  // Without the expectation the compiler says why. A name it cannot find would satisfy the expectation just as well.
  const bare = files.map(({ path, text }) => ({ path, text: text.replaceAll('@ts-expect-error', 'bare') }));
  const beside = diagnose(bare).filter((line) => / TS(1\d{3}|2304|2305|2307|2552|2792|6133|6196|7\d{3}) /.test(line));

  expect(beside).toEqual([]);
});

test('every expectation says what is forbidden', () => {
  const silent = files.flatMap((file) =>
    expectationsOf(file)
      .filter((reason) => reason.length < 8)
      .map(() => file.path),
  );

  expect(silent).toEqual([]);
});

test.each(Object.entries(promises))('%s is among what must not compile', (_promise, words) => {
  const reasons = files.flatMap(expectationsOf);

  expect(reasons.filter((reason) => words.test(reason)).length).toBeGreaterThanOrEqual(1);
});

test('an expectation that no longer holds is found', () => {
  const text =
    'export const fine: number = 1;\n// @ts-expect-error planted: this compiles\nexport const also: number = 2;\n';

  expect(diagnose([{ path: 'test/types/planted.test-d.ts', text }])).toEqual([
    expect.stringContaining('planted.test-d.ts:2 TS2578'),
  ]);
});

test('an error nobody expects is found', () => {
  const text = "export const wrong: number = 'text';\n";

  expect(diagnose([{ path: 'test/types/planted.test-d.ts', text }])).toEqual([
    expect.stringContaining('planted.test-d.ts:1 TS2322'),
  ]);
});
