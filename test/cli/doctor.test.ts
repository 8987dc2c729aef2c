import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { freshState } from '../adapters/postgres/state.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { freshDatabase } from '../support/postgres.js';
import { keyturn, startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';
import { openPool } from '../support/pool.js';

const rotate = ['rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test'] as const;

test('doctor calls neither credential of an open rotation in the way, and names a current one that is refused', async () => {
  const place = await workspace();
  const database = await freshDatabase();
  const superuser = openPool(database.url, 1);
  onTestFinished(async () => {
    await superuser.end();
    await database.drop();
  });
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /.*/);
  expect((await place.run(...rotate, '--wait')).code).toBe(0);

  const file = join(place.folder, 'keyturn.config.ts');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace("quiet: '0s'", "quiet: '1h'"));
  await place.run(...rotate);
  await eventually('the rotation drains', async () => {
    const [row] = await place.ask("SELECT step FROM keyturn.rotations WHERE closed_at IS NULL AND step = 'drain'");
    return row !== undefined;
  });
  const rotating = await place.run('doctor');
  expect(rotating).toMatchObject({ code: 0, stderr: '' });
  expect(rotating.stdout).not.toContain('NOLOGIN');

  const [open] = await place.ask('SELECT rotation_id AS id FROM keyturn.rotations WHERE closed_at IS NULL');
  expect((await place.run('cancel', String(open?.['id']), '--wait')).code).toBe(0);
  const [login] = place.roles.logins;
  await superuser.query(`ALTER ROLE ${login} PASSWORD 'somebody else knows better'`);
  const refused = await place.run('doctor');
  expect(refused.stdout).toMatch(/FAIL {2}demo:\/demo\/billing\/db .* is refused at .*\n.*rotate .* --repair/);
  expect(refused.code).toBe(1);

  const again = await place.run(...rotate, '--wait');
  expect(again.stdout).toMatch(/ROLLS BACK, CURRENT_REFUSED: .* --repair/);
  const [row] = await place.ask("SELECT rotation_id AS id FROM keyturn.rotations WHERE code = 'CURRENT_REFUSED'");
  const told = await place.run('status', String(row?.['id']));
  expect(told).toMatchObject({ stdout: expect.stringMatching(/what to do .* --repair/) as string, stderr: '' });
}, 120_000);

test('rotated in place, a login of whose password nothing is known is named and left alone', async () => {
  const place = await workspace();
  const database = await freshDatabase();
  const [login] = place.roles.logins;
  const superuser = openPool(database.url, 1);
  onTestFinished(async () => {
    await superuser.end();
    await database.drop();
  });
  const file = join(place.folder, 'keyturn.config.ts');
  const text = await readFile(file, 'utf8');
  const inPlace = `workflow: 'in-place-rotation', config: { mode: 'in-place', login: '${login}' },`;
  await writeFile(file, text.replace(/config: \{ owner.*/, inPlace));
  await superuser.query(`CREATE ROLE ${login} LOGIN PASSWORD 'known-to-its-application'`);
  const before = await place.targetRoles();
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /.*/);

  const examined = await place.run('doctor');
  const rotated = await place.run(...rotate, '--wait');

  expect(examined.stdout).toMatch(/FAIL .* can log in already.*\n.*store put \/demo\/billing\/db --env demo --current/);
  expect(examined.code).toBe(1);
  expect(rotated.stdout).toMatch(/PREFLIGHT_FAILED: .* can log in already/);
  expect(rotated.code).toBe(1);
  expect(await place.targetRoles()).toEqual(before);
}, 120_000);

test('an address that nothing is sent to is named, unless the environment allows it', async () => {
  const place = await workspace();
  const file = join(place.folder, 'keyturn.config.ts');
  const [text, consumers] = [
    await readFile(file, 'utf8'),
    `consumers: [{ name: 'web', url: 'http://127.0.0.1:1/x' }, { name: 'job' }],
          checks: [{ name: 'page', http: { url: 'https://127.0.0.1:1/health' } }],`,
  ];
  const named = text
    .replace("poll: '100ms'", "poll: '100ms', soak: '1s'")
    .replace("target: 'billing',\n", `target: 'billing', ${consumers}\n`)
    .replace(
      '      secrets: {',
      `webhooks: [{ name: 'ops', url: 'https://localhost/x', key: env('KEY') }],\n      secrets: {`,
    );
  await writeFile(file, named);

  const refused = await place.run('doctor');
  await writeFile(file, named.replace('webhooks:', 'allowPrivateAddresses: true, webhooks:'));
  const allowed = await place.run('doctor');

  const cure = 'Use https to a public address, or set `allowPrivateAddresses: true` for this environment.';
  expect(refused.stdout).toContain(
    `FAIL  consumer web of demo:/demo/billing/db: nothing is sent there: its address is not https\n      ${cure}\n`,
  );
  expect(refused.stdout).toContain(
    `FAIL  webhook ops of demo: nothing is sent there: its address is not public\n      ${cure}\n`,
  );
  expect(refused.stdout).toContain(
    `FAIL  check page of demo:/demo/billing/db: nothing is sent there: its address is not public\n      ${cure}\n`,
  );
  expect(refused.stdout).not.toContain('consumer job');
  expect(refused.code).toBe(1);
  expect(allowed).toMatchObject({ code: 0, stderr: '' });
  expect(allowed.stdout).toContain('ok    consumer web of demo:/demo/billing/db\n');
}, 120_000);

test('a database that was never migrated is told once, and what stands on it is skipped', async () => {
  const place = await workspace({ isMigrated: false });

  const { code, stdout } = await place.run('doctor');

  const [, , ...lines] = stdout.trimEnd().split('\n');
  expect(lines).toEqual([
    'FAIL  state database: DATABASE_UNMIGRATED: the database has not been migrated to this version',
    '      Run: keyturn migrate',
    'skip  queue: it is in the state database',
    expect.stringMatching(/^ok {4}master key/),
    'skip  targets: without the state database nobody knows which credential is current',
  ]);
  expect(code).toBe(1);
}, 120_000);

test('a queue of its own that was never migrated is told with its cure', async () => {
  const place = await workspace();
  const queue = await freshDatabase();
  onTestFinished(async () => queue.drop());
  const env = { ...place.options.env, KEYTURN_QUEUE_URL: queue.url };

  const { code, stdout } = await keyturn(['doctor'], { ...place.options, env });

  expect(stdout).toMatch(/FAIL {2}queue: DATABASE_UNMIGRATED: .*\n {6}Run: keyturn migrate\n/);
  expect(code).toBe(1);
}, 120_000);

test('a missing grant is told once, with the command that gives it', async () => {
  const place = await workspace();
  const state = await freshState();
  await state.admin.query(`REVOKE USAGE ON SCHEMA keyturn FROM ${state.role}`);
  const env = { ...place.options.env, KEYTURN_DATABASE_URL: state.appUrl };

  const { code, stdout } = await keyturn(['doctor'], { ...place.options, env });

  expect(stdout).toMatch(/FAIL {2}state database: STATE_REFUSED: .* 42501\)\n.*keyturn migrate --app-role ROLE/);
  expect(stdout.match(/FAIL/g)).toHaveLength(1);
  expect(code).toBe(1);
}, 120_000);

test('a level that is none is told by doctor, and refused before anything is made', async () => {
  const place = await workspace();
  const cwd = await temporaryFolder();
  const env = { ...place.options.env, KEYTURN_LOG_LEVEL: 'loud' };

  const examined = await keyturn(['doctor'], { ...place.options, env });
  const worker = await keyturn(['worker', '--health-port', 'off'], { ...place.options, env });
  const up = await keyturn(['up', '--health-port', '0', '--store-port', 'off'], {
    cwd,
    env: { KEYTURN_LOG_LEVEL: 'loud' },
  });

  const told = 'SETTING_INVALID: KEYTURN_LOG_LEVEL cannot be used: it is no level';
  const cure = 'Set it to one of: debug, info, warn, error.';
  expect(examined.stdout).toContain(`FAIL  settings: ${told}\n      ${cure}\n`);
  expect(examined.code).toBe(2);
  expect(worker).toMatchObject({ code: 2, stderr: `${told}. ${cure}\n` });
  expect(up).toMatchObject({ code: 2, stderr: `${told}. ${cure}\n` });
  expect(await readdir(cwd)).toEqual([]);
}, 120_000);

test.each([
  ['cannot be parsed', 'export default {', /^FAIL {2}configuration: CONFIG_FAILED: /m],
  ['is none', 'export default { environments: 7 };', /^FAIL {2}configuration: CONFIG_INVALID: /m],
])(
  'a configuration that %s is answered by doctor with the exit code of every command, and the rest is told',
  async (_, text, finding) => {
    const place = await workspace({ isMigrated: false });
    await writeFile(join(place.folder, 'keyturn.config.ts'), text);

    const examined = await place.run('doctor');
    const rotated = await place.run(...rotate);

    expect([examined.code, rotated.code]).toEqual([2, 2]);
    expect(examined.stdout).toMatch(finding);
    expect(examined.stdout).toMatch(/^FAIL {2}state database: DATABASE_UNMIGRATED/m);
  },
  120_000,
);

test('a lost key is told once, and restoring it comes first', async () => {
  const place = await workspace();
  await rm(join(place.folder, 'keyturn.key'));

  const { code, stdout } = await place.run('doctor');

  expect(stdout).toMatch(/FAIL {2}master key .*KEY_FILE_MISSING.*\n {6}Restore it from your backup\. Only for/);
  expect(stdout.match(/FAIL/g)).toHaveLength(1);
  expect(stdout).toContain('skip  targets: without the master key nobody knows which credential is current\n');
  expect(code).toBe(1);
}, 120_000);

test('a cure names no rotation where there is none', async () => {
  const place = await workspace();
  const { ADMIN_PASSWORD: _, ...env } = place.options.env as { readonly ADMIN_PASSWORD: string };

  const { stdout } = await keyturn(['doctor'], { ...place.options, env });

  expect(stdout).toMatch(/REFERENCE_UNRESOLVED: .*\n.*keyturn resume ROTATION\n/);
}, 120_000);

test('the version is told, and a usage error without a command names the help of all; the demo offers what it takes', async () => {
  const place = await workspace({ isMigrated: false });

  const told = await place.run('--version');
  const unknown = await place.run('frobnicate');
  const demo = await place.run('demo', '--help');

  expect(told).toMatchObject({ code: 0, stderr: '' });
  expect(told.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  // It has a configuration and a folder of its own.
  expect(demo.stdout).toContain('--json');
  expect(demo.stdout).not.toMatch(/--config|--data/);
  expect(unknown.stderr).toBe("USAGE: unknown command 'frobnicate'. See `keyturn --help`.\n");
});
