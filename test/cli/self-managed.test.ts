import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { requests } from '../rotators/api-key/borrowed.js';
import { openPool } from '../support/pool.js';
import { ScriptedProvider } from '../support/scripted-provider.js';
import { startKeyturn } from './keyturn.js';
import { type Workspace, workspace } from './workspace.js';

const admin = '/demo/admin';
const billing = '/demo/billing/db';

/** The workspace, with its target opened by a secret that lives on the same server: two logins that act as a superuser. */
async function selfManaged(): Promise<{ readonly place: Workspace; readonly logins: readonly [string, string] }> {
  const place = await workspace();
  const owner = `kt_${randomBytes(5).toString('hex')}`;
  const logins = [`${owner}_a`, `${owner}_b`] as const;
  const password = randomBytes(18).toString('base64url');
  const superuser = openPool(place.stateUrl, 1);
  onTestFinished(async () => {
    for (const role of [...logins, owner]) await superuser.query(`DROP ROLE IF EXISTS ${role}`);
    await superuser.end();
  });
  await superuser.query(`CREATE ROLE ${owner} NOLOGIN SUPERUSER`);
  await superuser.query(`CREATE ROLE ${logins[0]} LOGIN IN ROLE ${owner} PASSWORD '${password}'`);
  await superuser.query(`ALTER ROLE ${logins[0]} SET role TO ${owner}`);
  const file = join(place.folder, 'keyturn.config.ts');
  const text = (await readFile(file, 'utf8'))
    .replace('defineConfig, env', 'defineConfig, store')
    .replace(/admin: \{.*\}/, `admin: store('${admin}')`)
    .replace(
      'secrets: {',
      `secrets: {
        '${admin}': {
          target: 'billing',
          config: { owner: '${owner}', logins: ${JSON.stringify(logins)}, selfManaged: true },
          adopted: true,
          policy: { grace: '0s', quiet: '0s', watch: '0s', poll: '100ms' },
        },`,
    );
  await writeFile(file, text);
  const credential = join(place.folder, 'credential.json');
  await writeFile(credential, JSON.stringify({ username: logins[0], password }), { mode: 0o600 });
  const put = await place.run('store', 'put', admin, '--env', 'demo', '--current', '--file', credential);
  expect(put).toMatchObject({ code: 0 });
  return { place, logins };
}

const rotate = async ({ run }: Workspace, path: string) =>
  run('rotate', path, '--env', 'demo', '--reason', 'a test', '--wait');

/** Which of these can log in with what was put there: the password of the first, or one of Keyturn's making. */
async function liveOf({ stateUrl }: Workspace, logins: readonly string[]): Promise<readonly unknown[]> {
  const pool = openPool(stateUrl, 1);
  try {
    const { rows } = await pool.query<{ readonly rolname: string }>(
      'SELECT rolname FROM pg_authid WHERE rolname = ANY ($1) AND rolcanlogin AND rolpassword IS NOT NULL',
      [logins],
    );
    return rows.map(({ rolname }) => rolname);
  } finally {
    await pool.end();
  }
}

test('a target is opened with an admin credential that Keyturn rotates, there and back, and others rotate meanwhile', async () => {
  const { place, logins } = await selfManaged();
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /Working/);

  const seen: unknown[] = [];
  for (const path of [billing, admin, billing, admin, billing]) {
    expect(await rotate(place, path)).toMatchObject({ code: 0, stdout: expect.stringContaining('completed') });
    seen.push(await liveOf(place, logins));
  }

  const [a, b] = logins;
  expect(seen).toEqual([[a], [b], [b], [a], [a]]);
}, 180_000);

test('what keeps an admin credential from being rotated is said before anything is touched', async () => {
  const { place, logins } = await selfManaged();
  const superuser = openPool(place.stateUrl, 1);
  const owner = logins[0].slice(0, -2);
  await superuser.query(`ALTER ROLE ${owner} NOSUPERUSER CREATEROLE`);
  await superuser.query(`GRANT pg_read_all_stats, pg_signal_backend TO ${owner}`);
  await superuser.end();

  const looked = await place.run('doctor');

  expect(looked.code).not.toBe(0);
  expect(`${looked.stdout}${looked.stderr}`).toContain(`ALTER ROLE "${owner}" SUPERUSER`);
  expect(await liveOf(place, logins)).toEqual([logins[0]]);
}, 120_000);

test('a key that manages keys is rotated with itself, and one is left', async () => {
  const place = await workspace();
  const provider = await ScriptedProvider.start();
  onTestFinished(async () => provider.close());
  provider.behaviour.keysManage = true;
  const first = provider.plant('by hand');
  await writeFile(
    join(place.folder, 'keyturn.config.ts'),
    `import { defineConfig, store } from 'keyturn';
import apiKey from 'keyturn/rotators/api-key';
const auth = { kind: 'bearer', token: store('${admin}', 'key') };
const config = { baseUrl: '${provider.url}', auth, principal: 'ops', requests: ${JSON.stringify(requests)}, selfManaged: true };
const policy = { grace: '0s', quiet: '0s', watch: '0s', poll: '100ms' };
const secrets = { '${admin}': { target: 'keys', adopted: true, policy } };
const demo = { targets: { keys: { rotator: apiKey, config } }, secrets };
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { demo } });
`,
  );
  const credential = join(place.folder, 'credential.json');
  await writeFile(credential, JSON.stringify({ id: first.id, key: first.secret }), { mode: 0o600 });
  expect(await place.run('store', 'put', admin, '--env', 'demo', '--current', '--file', credential)).toMatchObject({
    code: 0,
  });
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /Working/);

  expect(await rotate(place, admin)).toMatchObject({ code: 0 });
  const second = provider.live();
  expect(await rotate(place, admin)).toMatchObject({ code: 0 });

  expect(second).toHaveLength(1);
  expect(provider.live()).toHaveLength(1);
  expect(new Set([first, second[0], provider.live()[0]].map((key) => key?.id)).size).toBe(3);
}, 120_000);
