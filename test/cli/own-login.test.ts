import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { openPool } from '../support/pool.js';
import { type Answer, keyturn, startKeyturn } from './keyturn.js';
import { type Workspace, workspace } from './workspace.js';

const login = '/demo/keyturn/db';
const billing = '/demo/billing/db';

/** A workspace whose commands log in to the state database as a file says: at first as a role that a person has made. */
async function ownLogin(): Promise<{
  readonly place: Workspace;
  readonly run: (...args: readonly string[]) => Promise<Answer>;
  readonly start: () => Promise<unknown>;
  readonly file: string;
  readonly user: () => string;
  readonly logins: readonly [string, string];
}> {
  const place = await workspace({ isMigrated: false });
  const owner = `kt_${randomBytes(5).toString('hex')}`;
  const [byHand, logins] = [`${owner}_by_hand`, [`${owner}_a`, `${owner}_b`] as const];
  const password = randomBytes(18).toString('base64url');
  const superuser = openPool(place.stateUrl, 1);
  onTestFinished(async () => {
    await superuser.query(`DROP OWNED BY ${owner}`);
    for (const role of [byHand, ...logins, owner]) await superuser.query(`DROP ROLE IF EXISTS ${role}`);
    await superuser.end();
  });
  await superuser.query(`CREATE ROLE ${owner} NOLOGIN`);
  await superuser.query(`CREATE ROLE ${byHand} LOGIN IN ROLE ${owner} PASSWORD '${password}'`);
  expect(await place.run('migrate', '--app-role', owner)).toMatchObject({ code: 0 });

  const database = new URL(place.stateUrl).pathname.slice(1);
  const config = join(place.folder, 'keyturn.config.ts');
  const text = (await readFile(config, 'utf8'))
    .replace('keyring:', `databaseLogin: { environment: 'demo', secret: '${login}' },\n  keyring:`)
    .replace(
      'targets: { billing }',
      `targets: { billing, own: { ...billing, config: { ...billing.config, database: '${database}' } } }`,
    )
    .replace(
      'secrets: {',
      `secrets: {
        '${login}': {
          target: 'own',
          config: { owner: '${owner}', logins: ${JSON.stringify(logins)} },
          policy: { grace: '0s', quiet: '0s', watch: '0s', poll: '100ms' },
        },`,
    );
  await writeFile(config, text);

  const file = join(place.folder, 'login.json');
  await writeFile(file, JSON.stringify({ username: byHand, password }), { mode: 0o600 });
  const url = new URL(place.stateUrl);
  url.username = '';
  url.password = '';
  url.searchParams.set('loginfile', file);
  const options = { ...place.options, env: { ...place.options.env, KEYTURN_DATABASE_URL: url.href } };
  return {
    place,
    run: (...args) => keyturn(args, options),
    start: () => startKeyturn(['worker', '--health-port', 'off'], options, /Working/),
    file,
    user: () => (JSON.parse(readFileSync(file, 'utf8')) as { readonly username: string }).username,
    logins,
  };
}

/** Which of these can log in at all. */
async function aliveOf({ ask }: Workspace, logins: readonly string[]): Promise<readonly unknown[]> {
  const rows = await ask(
    `SELECT rolname FROM pg_authid
      WHERE rolname IN ('${logins.join("', '")}') AND rolcanlogin AND rolpassword IS NOT NULL`,
  );
  return rows.map(({ rolname }) => rolname);
}

/** Which of these have sessions with the state database. */
async function usedOf({ ask }: Workspace, logins: readonly string[]): Promise<readonly unknown[]> {
  const rows = await ask(
    `SELECT DISTINCT usename FROM pg_stat_activity
      WHERE datname = current_database() AND usename IN ('${logins.join("', '")}')`,
  );
  return rows.map(({ usename }) => usename);
}

test('workers go on while Keyturn rotates what they log in to its own database with, and the old one is dead', async () => {
  const { place, run, start, file, user, logins } = await ownLogin();
  const rotate = (path: string) => run('rotate', path, '--env', 'demo', '--reason', 'a test', '--wait');
  await start();

  const [a, b] = logins;
  const seen: unknown[] = [];
  for (const newest of [a, b]) {
    expect(await rotate(login)).toMatchObject({ code: 0, stdout: expect.stringContaining('completed') });
    await eventually('the worker writes the login', () => user() === newest);
    expect(await rotate(billing)).toMatchObject({ code: 0, stdout: expect.stringContaining('completed') });
    seen.push({ alive: await aliveOf(place, logins), used: await usedOf(place, logins) });
  }

  // The first one took over from the person's, under whose name sessions may go on for a minute.
  expect(seen).toEqual([
    { alive: [a], used: expect.not.arrayContaining([b]) },
    { alive: [b], used: expect.not.arrayContaining([a]) },
  ]);
  expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
}, 420_000);

test('without a file for it, or with an unreadable one, no worker starts, and it is said what to write', async () => {
  const { place, run, file } = await ownLogin();

  const nowhere = await place.run('worker', '--health-port', 'off');
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('?loginfile=') });
  await writeFile(file, '{"username": "half');
  const half = await run('status');
  expect(half).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${file}, which loginfile names, holds no login`),
  });
}, 120_000);
