import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { root } from '../architecture/source-tree.js';
import { build } from '../support/built.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const run = promisify(execFile);

/** What a program said, however it ended. */
interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder beside a `node_modules` in which Keyturn is what `npm pack` made of it, and nothing of its sources. */
interface Place {
  /** Empty. */
  readonly folder: string;
  /** Runs a program that `node_modules/.bin` names, or npm, as a person would in that folder. */
  readonly say: (folder: string, program: string, ...args: readonly string[]) => Promise<Said>;
}

/**
 * Installs the packed package without a network: it is unpacked, and everything it and a rotator need is a link to what is
 * installed here already.
 */
async function packedPlace(): Promise<Place> {
  await build();
  const place = await temporaryFolder();
  const modules = join(place, 'node_modules');
  const installed = join(root, 'node_modules');
  await mkdir(join(modules, '.bin'), { recursive: true });
  await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', place], { cwd: root });
  const [packed = ''] = (await readdir(place)).filter((name) => name.endsWith('.tgz'));
  await mkdir(join(modules, 'keyturn'));
  await run('tar', ['-xzf', join(place, packed), '-C', join(modules, 'keyturn'), '--strip-components=1']);
  for (const name of await readdir(installed)) {
    if (!name.startsWith('.') && name !== 'keyturn') await symlink(join(installed, name), join(modules, name));
  }
  const keyturn = join(modules, 'keyturn', 'dist', 'src', 'cli', 'bin.js');
  await chmod(keyturn, 0o755);
  await symlink(keyturn, join(modules, '.bin', 'keyturn'));
  await symlink(await realpath(join(installed, '.bin', 'tsc')), join(modules, '.bin', 'tsc'));
  const folder = join(place, 'empty');
  await mkdir(folder);
  const env = { PATH: `${join(modules, '.bin')}:${process.env['PATH'] ?? ''}`, HOME: place };
  return {
    folder,
    say: async (cwd, program, ...args) => {
      const controller = new AbortController();
      onTestFinished(() => controller.abort());
      return run(program, [...args], { cwd, env, signal: controller.signal, maxBuffer: 50_000_000 }).then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        (error: unknown) => {
          const { code = -1, stdout = '', stderr = '' } = error as Partial<Said>;
          return { code, stdout, stderr };
        },
      );
    },
  };
}

test('a rotator made from the packed package compiles, passes its own tests and the judge, and fails once it is broken', async () => {
  const { folder, say } = await packedPlace();

  const made = await say(folder, 'keyturn', 'rotator', 'new', 'acme', '--json');
  const acme = join(folder, 'acme');
  const tests = await say(acme, 'npm', 'test');
  const judged = await say(acme, 'npm', 'run', 'judge');
  const described = await say(acme, 'keyturn', 'rotator', 'describe', '.', '--json');

  expect(made, made.stderr).toMatchObject({ code: 0 });
  expect((JSON.parse(made.stdout) as { readonly made: readonly string[] }).made).toEqual([
    '.github/workflows/test.yml',
    '.gitignore',
    'README.md',
    'example/service.ts',
    'package.json',
    'src/index.ts',
    'src/service-client.ts',
    'test/harness.ts',
    'test/rotator.test.ts',
    'tsconfig.json',
  ]);
  expect(tests.code, tests.stdout + tests.stderr).toBe(0);
  // Every case there is for such a rotator was run.
  expect(tests.stdout).toMatch(/^. (?:pass) 4\d$/m);
  expect(tests.stdout).toMatch(/^. skipped 0$/m);
  expect(judged.code, judged.stdout + judged.stderr).toBe(0);
  expect(judged.stdout).toMatch(/^rotator acme \(contract 1\), judged on the example service \(double\)$/m);
  const report = JSON.parse(await readFile(join(acme, 'report.json'), 'utf8')) as Record<string, unknown>;
  expect(report).toMatchObject({ rotator: 'acme', failed: 0 });
  expect(JSON.parse(described.stdout)).toMatchObject({
    name: 'acme',
    credential: { identity: 'id', value: 'key' },
    forms: [
      {
        where: null,
        capabilities: { overlap: 'two-live', list: true },
        fields: [
          { name: 'baseUrl', type: 'string', isRequired: true, description: 'where the service answers' },
          { name: 'adminToken', type: 'secret', isRequired: true },
          { name: 'name', type: 'string', isRequired: true },
        ],
      },
    ],
  });

  const source = join(acme, 'src', 'index.ts');
  const text = await readFile(source, 'utf8');
  await writeFile(source, text.replace("if (answer.status === 412) throw keyturnError('NOT_OURS', { identity });", ''));
  const broken = await say(acme, 'keyturn', 'rotator', 'test', '.', '--harness', 'test/harness.ts', '--json');

  expect(broken.code).toBe(1);
  const { failed, obligations } = JSON.parse(broken.stdout) as {
    readonly failed: number;
    readonly obligations: readonly { readonly name: string; readonly outcome: string; readonly seen: string }[];
  };
  expect(failed).toBeGreaterThan(0);
  expect(obligations.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)).toContain(
    'destroying what carries another tag is refused',
  );
});
