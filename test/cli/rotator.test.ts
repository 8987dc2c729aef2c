import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../architecture/source-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturnProcess as keyturn } from './keyturn.js';

const scaffold = join(root, 'scaffold', 'rotator');
const harness = join(scaffold, 'test', 'harness.ts');

describe('keyturn rotator new', () => {
  test.each([
    ['Acme', 'is not at most 50 lower case letters'],
    ['../acme', 'is not at most 50 lower case letters'],
    ['acme-', 'is not at most 50 lower case letters'],
    ['postgres', 'postgres is the name of a rotator that comes with Keyturn'],
  ])('the name `%s` is refused, and nothing is made', async (name, finding) => {
    const cwd = await temporaryFolder();

    const answer = await keyturn(['rotator', 'new', name], { cwd });

    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain(finding);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('a folder that is not empty is refused and left as it is; an empty one will do', async () => {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, 'acme'));
    await writeFile(join(cwd, 'acme', 'mine.txt'), 'mine');

    const refused = await keyturn(['rotator', 'new', 'acme'], { cwd });
    const made = await keyturn(['rotator', 'new', 'acme', '--folder', 'empty', '--keyturn', 'file:../k.tgz'], { cwd });

    expect(refused).toMatchObject({
      code: 2,
      stderr: `FOLDER_NOT_EMPTY: the folder ${join(cwd, 'acme')} is not empty. Nothing was written. Name another folder, or empty this one.\n`,
    });
    expect(readdirSync(join(cwd, 'acme'))).toEqual(['mine.txt']);
    expect(made.code, made.stderr).toBe(0);
    const manifest = await readFile(join(cwd, 'empty', 'package.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ name: 'acme', devDependencies: { keyturn: 'file:../k.tgz' } });
    // No word of the template is left.
    for (const file of ['package.json', 'README.md', 'src/index.ts', '.github/workflows/test.yml']) {
      expect(await readFile(join(cwd, 'empty', file), 'utf8')).not.toMatch(/rotator-name|keyturn-(spec|range)/);
    }
  });

  test('a name that is a word of the template stays as it is', async () => {
    const cwd = await temporaryFolder();

    expect(await keyturn(['rotator', 'new', 'keyturn-spec'], { cwd })).toMatchObject({ code: 0 });

    const manifest = await readFile(join(cwd, 'keyturn-spec', 'package.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ name: 'keyturn-spec' });
  });

  test('a file in the place of the folder is named', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'acme'), '');

    expect(await keyturn(['rotator', 'new', 'acme'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${join(cwd, 'acme')} is a file`),
    });
  });
});

describe('keyturn rotator test', () => {
  test('the rotator of the scaffold passes, and its report is written', async () => {
    const cwd = await temporaryFolder();

    const answer = await keyturn(['rotator', 'test', scaffold, '--harness', harness, '--report', 'r.json'], { cwd });

    expect(answer.code, answer.stdout + answer.stderr).toBe(0);
    expect(answer.stdout).toMatch(/^\d+ passed, 0 failed, 0 not run, \d+ do not apply$/m);
    const report = JSON.parse(await readFile(join(cwd, 'r.json'), 'utf8')) as Record<string, unknown>;
    expect(report).toMatchObject({ failed: 0, target: { name: 'the example service', isReal: false } });
  });

  test('a harness of another rotator is refused', async () => {
    const cwd = await temporaryFolder();

    const answer = await keyturn(['rotator', 'test', 'random', '--harness', harness], { cwd });

    expect(answer).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the harness is of rotator-name, and random is random'),
    });
  });

  test.each([
    ['that is not there', null, 'there is no such file'],
    ['without a rotator', 'export default {};', 'it has no `rotator`'],
    ['that throws', "throw new Error('password=hunter2-hunter2');", 'running it threw (Error)'],
  ])('a harness %s is named, with what to do', async (_, text, finding) => {
    const cwd = await temporaryFolder();
    const file = join(cwd, 'harness.ts');
    if (text !== null) await writeFile(file, text);

    const answer = await keyturn(['rotator', 'test', 'random', '--harness', 'harness.ts'], { cwd });

    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain(`ROTATOR_INVALID: ${file} cannot be used as a harness: ${finding}.`);
    expect(answer.stderr).not.toContain('hunter2');
  });

  test('what a harness leaves open does not keep the command, and every case has failed', async () => {
    const cwd = await temporaryFolder();
    await writeFile(
      join(cwd, 'harness.ts'),
      `import { createServer } from 'node:net';
       import random from 'keyturn/rotators/random';
       // A handle that nobody closes keeps a process alive.
       createServer().listen(0);
       const begin = async () => { throw new Error('no target today'); };
       export const harness = { rotator: random, capabilities: random.capabilities({ folder: '/', name: 'a' }), begin };`,
    );

    const answer = await keyturn(['rotator', 'test', 'random', '--harness', 'harness.ts'], { cwd });

    expect(answer.code).toBe(1);
    expect(answer.stdout).toContain('the harness could not set the stage up or clear it away (Error)');
    expect(answer.stdout).toMatch(/^0 passed, \d+ failed, 0 not run, \d+ do not apply$/m);
  });
});

describe('keyturn rotator list and describe', () => {
  test('the list names every rotator in the package, and what it is for', async () => {
    const cwd = await temporaryFolder();

    const answer = await keyturn(['rotator', 'list', '--json'], { cwd });

    const { rotators } = JSON.parse(answer.stdout) as {
      readonly rotators: readonly { readonly import: string; readonly purpose: string; readonly contract: number }[];
    };
    const folders = readdirSync(join(root, 'rotators')).filter((name) =>
      existsSync(join(root, 'rotators', name, 'index.ts')),
    );
    expect(rotators.map((each) => each.import).sort()).toEqual(
      folders.map((name) => `keyturn/rotators/${name}`).sort(),
    );
    expect(rotators.filter(({ purpose, contract }) => purpose === '' || contract !== 1)).toEqual([]);
  });

  test('a shipped rotator is described form by form, and no secret is asked for', async () => {
    const cwd = await temporaryFolder();

    const answer = await keyturn(['rotator', 'describe', 'postgres'], { cwd });

    expect(answer.code, answer.stderr).toBe(0);
    expect(answer.stdout).toContain('with mode: "in-place"\noverlap: "one-live"');
    expect(answer.stdout).toMatch(/^admin\.password +secret +required$/m);
  });

  test.each([
    ['nowhere', 'there is no such file or folder'],
    ['.', 'the folder holds no module of one'],
  ])('what is no rotator (`%s`) is named, with those that are shipped', async (path, finding) => {
    const cwd = await temporaryFolder();

    const answer = await keyturn(['rotator', 'describe', path], { cwd });

    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain(`cannot be used as a rotator: ${finding}`);
    expect(answer.stderr).toContain('random');
  });

  test('a rotator of another contract is refused by name', async () => {
    const cwd = await temporaryFolder();
    await writeFile(
      join(cwd, 'index.ts'),
      "import random from 'keyturn/rotators/random';\nexport default { ...random, name: 'later', contract: 2 };",
    );

    const answer = await keyturn(['rotator', 'describe', '.'], { cwd });

    expect(answer).toMatchObject({ code: 2, stderr: expect.stringMatching(/^CONTRACT_MISMATCH: rotator later /) });
  });
});
