import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plantedFaults } from './planted-faults.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const copied = [
  'src/core',
  'src/contract',
  'src/ports',
  'src/engine',
  'src/adapters/memory',
  'workflows',
  'test/engine',
  'test/support/plans.ts',
  'tsconfig.json',
  'package.json',
];
const loader = import.meta.resolve('tsx');

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyturn-planted-'));
  for (const path of copied) await cp(join(repository, path), join(folder, path), { recursive: true });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the matrix finds first in the copy. */
async function firstFinding(scenarios: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', loader, join(folder, 'test/engine/crash-matrix-process.ts'), ...scenarios],
    { cwd: folder },
  );
  return JSON.parse(stdout);
}

describe('the crash matrix finds what is planted', () => {
  it('and finds nothing where nothing is planted', async () => {
    expect(await firstFinding(['success', 'failed drain'])).toBeNull();
  });

  for (const { name, file, find, replace, scenarios } of plantedFaults) {
    it(name, async () => {
      const path = join(folder, file);
      const source = await readFile(path, 'utf8');
      expect(source.split(find).length, 'the text to replace stands in the source exactly once').toBe(2);
      await writeFile(
        path,
        source.replace(find, () => replace),
      );
      try {
        expect(await firstFinding(scenarios)).toMatchObject({
          invariant: expect.any(String),
          what: expect.any(String),
        });
      } finally {
        await writeFile(path, source);
      }
    });
  }
});
