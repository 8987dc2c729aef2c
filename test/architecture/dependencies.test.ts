import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './source-tree.js';

type Versions = Readonly<Record<string, string>>;

interface Manifest {
  readonly dependencies: Versions;
  readonly devDependencies: Versions;
  readonly optionalDependencies: Versions;
  readonly peerDependencies: Versions;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
  readonly overrides: Versions;
}

// The manifest is ours and the next lines read every field of it.
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const page = readFileSync(join(root, 'docs', 'dependencies.md'), 'utf8');

/** The packages that have a row, with a reason, in the text of docs/dependencies.md. */
const justified = (text: string): readonly string[] =>
  [...text.matchAll(/^\| `([^`]+)` \|\s*\S.{10,}\|$/gm)].map((match) => match[1] ?? '');

/** The packages whose version is a range, a tag or an address: two machines could install two things. */
const inexact = (versions: Versions): readonly string[] =>
  Object.entries(versions)
    .filter(([, version]) => !/^(npm:[^@]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name}: ${version}`);

const { dependencies, devDependencies, optionalDependencies, peerDependencies, overrides } = manifest;
const installed = { ...dependencies, ...devDependencies, ...optionalDependencies, ...overrides };

test('every dependency has its line in docs/dependencies.md, and every line its dependency', () => {
  expect([...justified(page)].sort()).toEqual(Object.keys(installed).sort());
});

test('every version is exact', () => {
  expect(inexact(installed)).toEqual([]);
});

test('a peer is also installed here, within the range it asks for', () => {
  expect(peerDependencies).toEqual({ mysql2: '^3.24.6', zod: '^4.0.0' });
  expect(devDependencies['zod']).toMatch(/^4\./);
  expect(devDependencies['mysql2']).toMatch(/^3\./);
});

test('a client library of one rotator is optional: nobody needs it who does not rotate there', () => {
  expect(manifest.peerDependenciesMeta).toEqual({ mysql2: { optional: true } });
});

test('two fields never pin the same package at two versions', () => {
  const all = [dependencies, devDependencies, optionalDependencies, overrides].flatMap(Object.keys);

  expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
});

test('an install script runs for nobody', () => {
  const { allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    allowScripts: Readonly<Record<string, boolean>>;
  };

  expect(Object.values(allowScripts)).not.toContain(true);
});

describe('a planted violation is found', () => {
  test.each(['^1.2.3', '~1.2.3', '1.x', 'latest', '>=1', '*', 'npm:pg@^8', 'github:a/b'])(
    'a version written %s',
    (version) => {
      expect(inexact({ planted: version })).toEqual([`planted: ${version}`]);
    },
  );

  test('a row without a reason', () => {
    expect(justified('| `planted` | |\n')).toEqual([]);
  });
});
