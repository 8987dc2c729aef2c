import { readdirSync } from 'node:fs';
import { appendFile, chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createKeyFile } from '../../src/adapters/local-keyring/key-file.js';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { type Answer, keyturn, startKeyturn } from './keyturn.js';
import { type Workspace, workspace } from './workspace.js';

const rotation = ['rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test'] as const;

/** One line: code, sentence and cure, and no stack. */
function expectRefusal(answer: Answer, code: string, exitCode: 1 | 2): void {
  expect(answer.stderr).toMatch(new RegExp(`^${code}: \\S.*\\. \\S.*\\n$`));
  expect(answer.stderr).not.toMatch(/\n\s+at /);
  expect(answer.stdout).toBe('');
  expect(answer.code).toBe(exitCode);
}

async function expectNothingChanged(place: Workspace): Promise<void> {
  expect(await place.ask('SELECT rotation_id FROM keyturn.rotations')).toEqual([]);
  expect(await place.ask('SELECT version FROM keyturn.versions')).toEqual([]);
  expect(await place.targetRoles()).toEqual([
    { rolname: place.roles.owner, rolcanlogin: false, rolpassword: null, comment: null },
  ]);
}

describe('what is asked for does not exist', () => {
  test('an unknown secret, environment, rotation and command are refused and nothing changes', async () => {
    const place = await workspace();

    expectRefusal(await place.run('rotate', '/demo/other', '--env', 'demo', '--reason', 'x'), 'UNKNOWN_SECRET', 2);
    expectRefusal(
      await place.run('rotate', '/demo/billing/db', '--env', 'prod', '--reason', 'x'),
      'UNKNOWN_ENVIRONMENT',
      2,
    );
    expectRefusal(await place.run('cancel', 'nothing'), 'UNKNOWN_ROTATION', 2);
    expectRefusal(await place.run('rotat'), 'USAGE', 2);
    await expectNothingChanged(place);
  });

  test('an environment is never assumed', async () => {
    const place = await workspace();

    expectRefusal(await place.run('rotate', '/demo/billing/db', '--reason', 'x'), 'USAGE', 2);
    expectRefusal(await place.run('hold', '/demo/billing/db', '--reason', 'x'), 'USAGE', 2);
    await expectNothingChanged(place);
  });

  test('a refusal is a document with --json, and the line stays on stderr', async () => {
    const place = await workspace();

    const answer = await place.run('rotate', '/demo/other', '--env', 'demo', '--reason', 'x', '--json');

    expect(JSON.parse(answer.stdout)).toEqual({
      error: {
        code: 'UNKNOWN_SECRET',
        sentence: 'there is no secret /demo/other in environment demo',
        cure: 'Name one of: /demo/billing/db.',
      },
    });
    expect(answer.stderr).toMatch(/^UNKNOWN_SECRET: .*\n$/);
    expect(answer.code).toBe(2);
  });
});

describe('what is called wrongly', () => {
  test('is refused without what stood behind an unknown option: it may have been a value', async () => {
    const place = await workspace();

    const spelled = await place.run('store', 'put', '/demo/app/key', '--env', 'demo', '--value=hunter2', '--json');
    const attached = await place.run('store', 'put', '/demo/app/key', '--env', 'demo', '-phunter2');
    const loose = await place.run('store', 'put', '/demo/app/key', 'hunter2', '--env', 'demo');

    const where = 'a value is never an argument: it comes from --file or from standard input';
    const help = 'See `keyturn store put --help`.\n';
    expect(spelled.stderr).toBe(`USAGE: unknown option '--value'; ${where}. ${help}`);
    expect(attached.stderr).toBe(`USAGE: unknown option '-p'; ${where}. ${help}`);
    expect(loose.stderr).toBe(`USAGE: too many arguments for 'put'. Expected 1 argument but got 2; ${where}. ${help}`);
    for (const answer of [spelled, attached, loose]) {
      expect(answer.code).toBe(2);
      expect(answer.stdout + answer.stderr).not.toContain('hunter2');
    }
  });

  test('by an option of the application before -- is told where the command stands', async () => {
    const place = await workspace();

    const answer = await place.run('exec', '--env', 'demo', '--path', '/demo', 'sh', '-c', 'exit 7');

    expectRefusal(answer, 'USAGE', 2);
    expect(answer.stderr).toMatch(/^USAGE: unknown option '-c'; the command and its options stand after --\. /);
  });
});

describe('the configuration', () => {
  test('missing is named', async () => {
    const place = await workspace();
    await rm(join(place.folder, 'keyturn.config.ts'));

    expectRefusal(await place.run(...rotation), 'CONFIG_MISSING', 2);
  });

  test('that throws is named without what it threw, unless --verbose', async () => {
    const place = await workspace();
    await appendFile(join(place.folder, 'keyturn.config.ts'), "\nthrow new RangeError('hunter2');\n");

    const quiet = await place.run(...rotation);
    const verbose = await place.run(...rotation, '--verbose');

    expectRefusal(quiet, 'CONFIG_FAILED', 2);
    expect(quiet.stderr).not.toContain('hunter2');
    expect(verbose.stderr).toContain('hunter2');
    await expectNothingChanged(place);
  });

  test('with a rotator or a field nobody knows is refused', async () => {
    const place = await workspace();
    const config = join(place.folder, 'other.config.ts');
    await writeFile(config, "import nobody from 'keyturn/rotators/nobody';\nexport default nobody;\n");
    expectRefusal(await place.run(...rotation, '--config', config), 'CONFIG_FAILED', 2);

    await writeFile(config, "export default { keyring: { file: 'k' }, enviroments: {} };\n");
    const answer = await place.run(...rotation, '--config', config);

    expectRefusal(answer, 'CONFIG_INVALID', 2);
    expect(answer.stderr).toContain('"enviroments"');
    await expectNothingChanged(place);
  });
});

describe('the state database', () => {
  test('not named is refused', async () => {
    const place = await workspace();

    expectRefusal(await keyturn(rotation, { cwd: place.folder }), 'SETTING_MISSING', 2);
  });

  test('not reachable is refused', async () => {
    const place = await workspace();
    const env = { ...place.options.env, KEYTURN_DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/none' };

    const answer = await keyturn(rotation, { cwd: place.folder, env });

    expectRefusal(answer, 'STATE_UNAVAILABLE', 1);
    expect(answer.stderr).not.toContain('hunter2');
  });

  test('that refuses the login, or is not there, is told as the setting it is', async () => {
    const place = await workspace();
    const run = (change: (url: URL) => void, ...args: readonly string[]): Promise<Answer> => {
      const url = new URL(place.stateUrl);
      change(url);
      return keyturn(args, { ...place.options, env: { ...place.options.env, KEYTURN_DATABASE_URL: url.href } });
    };
    const wrongPassword = (url: URL): void => void (url.password = 'hunter2');
    const wrongDatabase = (url: URL): void => void (url.pathname = '/hunter2');

    for (const command of [['status'], ['migrate'], ['worker', '--health-port', 'off']]) {
      const refused = await run(wrongPassword, ...command);
      expectRefusal(refused, 'SETTING_INVALID', 2);
      expect(refused.stderr).toMatch(/KEYTURN_DATABASE_URL cannot be used: its login was refused/);
      const missing = await run(wrongDatabase, ...command);
      expectRefusal(missing, 'SETTING_INVALID', 2);
      expect(missing.stderr).toMatch(/KEYTURN_DATABASE_URL cannot be used: there is no such database/);
      expect(refused.stderr + missing.stderr).not.toContain('hunter2');
    }
  });

  test('is migrated by whoever may, for a role that there is', async () => {
    const place = await workspace({ isMigrated: false });
    const { owner } = place.roles;
    await place.ask(`ALTER ROLE ${owner} LOGIN PASSWORD 'may-do-nothing'`);
    const url = new URL(place.stateUrl);
    url.username = owner;
    url.password = 'may-do-nothing';
    const env = { ...place.options.env, KEYTURN_DATABASE_URL: url.href };

    const denied = await keyturn(['migrate'], { ...place.options, env });
    expectRefusal(denied, 'PRIVILEGE_MISSING', 1);
    expect(denied.stderr).toMatch(/GRANT CREATE ON DATABASE/);

    const unknown = await place.run('migrate', '--app-role', 'nobody-of-that-name');
    expectRefusal(unknown, 'USAGE', 2);
    expect(unknown.stderr).toMatch(/--app-role .*nobody-of-that-name/);
  });

  test('not migrated is refused by every command that needs it, and migrate is the cure', async () => {
    const place = await workspace({ isMigrated: false });

    expectRefusal(await place.run(...rotation), 'DATABASE_UNMIGRATED', 2);
    expectRefusal(await place.run('worker', '--health-port', 'off'), 'DATABASE_UNMIGRATED', 2);
    expect(await place.ask("SELECT FROM pg_namespace WHERE nspname = 'keyturn'")).toEqual([]);

    expect((await place.run('migrate')).code).toBe(0);
    expect((await place.run('status')).code).toBe(0);
  });
});

describe('the key file', () => {
  test('missing, readable by others or another one is refused by the worker, and nothing changes', async () => {
    const place = await workspace();
    const key = join(place.folder, 'keyturn.key');
    const worker = ['worker', '--health-port', 'off'] as const;
    const running = await startKeyturn(worker, place.options, /Working/);
    await running.stop();

    await chmod(key, 0o644);
    expectRefusal(await place.run(...worker), 'KEY_FILE_EXPOSED', 2);
    await rm(key);
    expectRefusal(await place.run(...worker), 'KEY_FILE_MISSING', 2);
    await createKeyFile(key);
    expectRefusal(await place.run(...worker), 'KEY_WRONG', 2);
    await expectNothingChanged(place);
  });
});

test('a queue that is not reachable is told of, and the rotation is accepted', async () => {
  const place = await workspace();
  const env = { ...place.options.env, KEYTURN_QUEUE_URL: 'redis://127.0.0.1:1' };

  const answer = await keyturn([...rotation, '--json'], { cwd: place.folder, env });

  expect(answer.code).toBe(0);
  expect(answer.stderr).toMatch(/^QUEUE_UNAVAILABLE: .*\n$/);
  const { rotationId } = JSON.parse(answer.stdout) as { rotationId: string };
  expect(await place.ask('SELECT rotation_id FROM keyturn.rotations')).toEqual([{ rotation_id: rotationId }]);
});

test('a queue URL that is none is refused by every command before anything is written', async () => {
  const place = await workspace({ isMigrated: false });
  const options = { ...place.options, env: { ...place.options.env, KEYTURN_QUEUE_URL: 'foo://hunter2@queue' } };
  const run = (...args: readonly string[]): Promise<Answer> => keyturn(args, options);

  const unmigrated = await run('migrate');
  expect(await place.ask("SELECT FROM pg_namespace WHERE nspname = 'keyturn'")).toEqual([]);
  await place.run('migrate');
  const answers = [
    unmigrated,
    await run(...rotation),
    await run('resume', 'nothing'),
    await run('worker', '--health-port', 'off'),
    await run('up', '--health-port', 'off'),
  ];

  for (const answer of answers) {
    expectRefusal(answer, 'SETTING_INVALID', 2);
    expect(answer.stderr).toMatch(/KEYTURN_QUEUE_URL cannot be used: its scheme is none of redis, rediss, postgres/);
    expect(answer.stderr).not.toContain('hunter2');
  }
  expect(await place.ask('SELECT secret FROM keyturn.secrets')).toEqual([]);
  await expectNothingChanged(place);
});

test('a queue URL that is none stops up before it makes anything', async () => {
  const cwd = await temporaryFolder();

  expectRefusal(await keyturn(['up'], { cwd, env: { KEYTURN_QUEUE_URL: 'foo' } }), 'SETTING_INVALID', 2);

  expect(readdirSync(cwd)).toEqual([]);
});

test('without the queue a worker finishes the rotation by the sweep', async () => {
  const place = await workspace();
  const env = { ...place.options.env, KEYTURN_QUEUE_URL: 'redis://127.0.0.1:1' };
  await startKeyturn(['worker', '--health-port', 'off'], { cwd: place.folder, env }, /Working/);

  const answer = await keyturn([...rotation, '--wait'], { cwd: place.folder, env });

  expect(answer.code).toBe(0);
  expect(answer.stdout).toMatch(/completed\n$/);
});

test('of two that rotate at once one rotates, and the other is told its id', async () => {
  const place = await workspace();

  const answers = await Promise.all([place.run(...rotation, '--json'), place.run(...rotation, '--json')]);

  const [accepted, refused] = answers.sort((a, b) => Number(a.code) - Number(b.code));
  const { rotationId } = JSON.parse(accepted.stdout) as { rotationId: string };
  expect([accepted.code, refused.code]).toEqual([0, 1]);
  expect(refused.stderr).toMatch(new RegExp(`^ROTATION_OPEN: .* by ${rotationId}\\. .*\\n$`));
  expect(await place.ask('SELECT count(*)::int AS rotations FROM keyturn.rotations')).toEqual([{ rotations: 1 }]);
});

test('an admin credential that is refused parks before anything was changed, and doctor names it', async () => {
  const place = await workspace();
  const env = { ...place.options.env, ADMIN_PASSWORD: 'not-the-password-of-the-admin' };
  await startKeyturn(['worker', '--health-port', 'off'], { cwd: place.folder, env }, /Working/);

  const answer = await keyturn([...rotation, '--wait', '--json'], { cwd: place.folder, env });
  const doctor = await keyturn(['doctor'], { cwd: place.folder, env });

  expect(answer.code).toBe(3);
  expect(JSON.parse(answer.stdout)).toMatchObject({ status: 'parked', code: 'ADMIN_REFUSED' });
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/FAIL {2}demo:\/demo\/billing\/db .*ADMIN_REFUSED/);
  expect(await place.targetRoles()).toEqual([
    { rolname: place.roles.owner, rolcanlogin: false, rolpassword: null, comment: null },
  ]);
});
