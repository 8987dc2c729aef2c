import { describe, expect, test } from 'vitest';
import { importCycles, importViolations } from './import-rules.js';
import { importsOf, readSources } from './source-tree.js';

const sources = readSources('src', 'rotators', 'workflows');

test('every import goes the way DESIGN draws it', () => {
  expect(importViolations(sources)).toEqual([]);
});

test('no running import goes in a circle', () => {
  expect(importCycles(sources)).toEqual([]);
});

describe('an import that goes the wrong way is refused', () => {
  test.each([
    ['src/core/retry.ts', 'node:crypto'],
    ['src/core/retry.ts', '../ports/clock.js'],
    ['src/ports/journal.ts', '../contract/rotator.js'],
    ['src/contract/rotator.ts', '../ports/clock.js'],
    ['src/contract/rotator.ts', './workflow.js'],
    ['src/engine/advance.ts', '../adapters/memory/journal.js'],
    ['src/engine/advance.ts', 'pg'],
    ['src/adapters/postgres/journal.ts', '../memory/journal.js'],
    ['src/adapters/postgres/journal.ts', 'ioredis'],
    ['src/adapters/memory/journal.ts', 'pg'],
    ['src/adapters/memory/journal.ts', '../../engine/advance.js'],
    ['src/adapters/memory/journal.ts', '../../contract/rotator.js'],
    ['src/adapters/child/isolated-rotator.ts', '../../engine/advance.js'],
    ['src/api/server.ts', '../adapters/postgres/journal.js'],
    ['src/cli/commands/rotate.ts', '../../main.js'],
    ['src/telemetry/metrics.ts', '../main.js'],
    ['src/cli/bin.ts', '../main/worker.js'],
    ['src/engine/advance.ts', '../main/worker.js'],
    ['src/consumer/index.ts', '../core/secret.js'],
    ['src/consumer/index.ts', 'keyturn/rotator'],
    ['src/main-again.ts', './engine/advance.js'],
    ['rotators/postgres/index.ts', '../../src/core/secret.js'],
    ['rotators/postgres/index.ts', '../random/index.js'],
    ['rotators/postgres/index.ts', 'keyturn/testing'],
    ['rotators/random/index.ts', 'pg'],
    ['workflows/staged-rotation.ts', '../src/contract/workflow.js'],
    ['workflows/staged-rotation.ts', '../rotators/postgres/index.js'],
    ['workflows/staged-rotation.ts', 'node:crypto'],
  ])('%s may not import %s', (path, specifier) => {
    const text = `import { thing } from '${specifier}';\n`;

    expect(importViolations([{ path, text }])).toEqual([expect.stringContaining(`${path}:1 imports ${specifier}`)]);
  });

  test.each([
    `import type { A } from '../adapters/memory/journal.js';`,
    `export { a } from '../adapters/memory/journal.js';`,
    `export * from '../adapters/memory/journal.js';`,
    `import '../adapters/memory/journal.js';`,
    `type A = import('../adapters/memory/journal.js').A;`,
    `const a = await import('../adapters/memory/journal.js');`,
    `const a = require('../adapters/memory/journal.js');`,
    'const a = await import(`../adapters/${name}.js`);',
  ])('in the form %s', (text) => {
    expect(importViolations([{ path: 'src/engine/advance.ts', text }])).toHaveLength(1);
  });

  test('of a package that is named, anywhere but in the process of a rotator', () => {
    const text = 'const a = await import(entry);';
    const inFile = (path: string) => importViolations([{ path, text }]);

    expect(inFile('src/adapters/child/isolated-rotator.ts')).toHaveLength(1);
    expect(inFile('src/adapters/child/rotator-process.ts')).toEqual([]);
  });
});

describe('an import that goes the right way is allowed', () => {
  test.each([
    ['src/core/retry.ts', './errors.js'],
    ['src/contract/rotator.ts', '../core/secret.js'],
    ['src/engine/advance.ts', '../contract/workflow.js'],
    ['src/adapters/postgres/journal.ts', 'pg'],
    ['src/adapters/postgres/journal.ts', '../../ports/journal.js'],
    ['src/adapters/bullmq/wakeups.ts', 'bullmq'],
    ['src/cli/bin.ts', '../main.js'],
    ['src/main.ts', './adapters/postgres/journal.js'],
    ['src/main.ts', './main/worker.js'],
    ['src/main/worker.ts', '../adapters/postgres/journal.js'],
    ['rotators/postgres/index.ts', 'pg'],
    ['rotators/postgres/index.ts', './scram.js'],
    ['rotators/random/index.ts', 'keyturn/rotator'],
    ['workflows/staged-rotation.ts', './steps/promote.js'],
    ['workflows/staged-rotation.ts', 'keyturn/workflow'],
  ])('%s may import %s', (path, specifier) => {
    expect(importViolations([{ path, text: `import { thing } from '${specifier}';\n` }])).toEqual([]);
  });
});

test('a circle through three files is found', () => {
  const planted = [
    { path: 'src/core/a.ts', text: `import { b } from './b.js';` },
    { path: 'src/core/b.ts', text: `import { c } from './c.js';` },
    { path: 'src/core/c.ts', text: `export { a } from './a.js';` },
  ];

  expect(importCycles(planted)).toEqual(['src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts']);
});

test('a circle of types alone is no circle', () => {
  const planted = [
    { path: 'src/core/a.ts', text: `import type { B } from './b.js';` },
    { path: 'src/core/b.ts', text: `import { type A } from './a.js';` },
  ];

  expect(importCycles(planted)).toEqual([]);
});

test('an import named in a comment or a string is no import', () => {
  const text = `// import { a } from 'pg';\nexport const example = "import { a } from 'pg'";\n`;

  expect(importsOf({ path: 'src/core/a.ts', text })).toEqual([]);
});
