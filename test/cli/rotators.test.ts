import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSecret } from 'keyturn/rotator';
import { expect, test } from 'vitest';
import { borrowTarget as borrowMariadb, describeWithMariadb } from '../rotators/mariadb/borrowed.js';
import { borrowTarget as borrowRedis, describeWithProgram } from '../rotators/redis/borrowed.js';
import { startKeyturn } from './keyturn.js';
import { type Workspace, workspace } from './workspace.js';

// Each rotator as it is shipped, by configuration alone: the first credential, and its replacement.

/** Rotates `/demo/app` twice. *Returns* the id of the second rotation. */
async function rotateTwice(
  place: Workspace,
  rotator: string,
  { target, secret, admin }: { readonly target: object; readonly secret: object; readonly admin?: string },
): Promise<string> {
  const targetText = JSON.stringify(target).replace('"ADMIN"', "env('TARGET_ADMIN_PASSWORD')");
  const policy = { grace: '0s', quiet: '0s', watch: '0s', poll: '100ms' };
  await writeFile(
    join(place.folder, 'keyturn.config.ts'),
    `import { defineConfig, env } from 'keyturn';
import rotator from 'keyturn/rotators/${rotator}';
const secret = { target: 'app', config: ${JSON.stringify(secret)}, policy: ${JSON.stringify(policy)} };
const demo = { targets: { app: { rotator, config: ${targetText} } }, secrets: { '/demo/app': secret } };
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { demo } });
void env;
`,
  );
  const options = { ...place.options, env: { ...place.options.env, TARGET_ADMIN_PASSWORD: admin ?? '' } };
  await startKeyturn(['worker', '--health-port', 'off'], options, /^Working/);
  const rotate = ['rotate', '/demo/app', '--env', 'demo', '--reason', 'a test', '--wait'];
  for (let round = 0; round < 2; round += 1) {
    const answer = await (await startKeyturn(rotate, options, () => true)).ended;
    expect(answer, answer.stderr).toMatchObject({ code: 0 });
  }
  const rows = await place.ask('SELECT rotation_id, status FROM keyturn.rotations ORDER BY requested_at DESC');
  expect(rows).toMatchObject([{ status: 'completed' }, { status: 'completed' }]);
  return String(rows[0]?.['rotation_id']);
}

describeWithProgram('accounts of Redis', () => {
  test('are rotated, and one is left', async () => {
    const { configure, port, person } = await borrowRedis();
    const { admin, rules } = configure();
    const password = Buffer.from(openSecret(admin.password)).toString();

    const rotationId = await rotateTwice(await workspace(), 'redis', {
      target: { endpoints: [{ host: '127.0.0.1', port }], admin: { username: admin.username, password: 'ADMIN' } },
      secret: { name: 'app', rules },
      admin: password,
    });

    const users = (await person.call('ACL', 'USERS')) as readonly string[];
    expect(users.filter((name) => name.startsWith('app-'))).toEqual([`app-${rotationId}`]);
  });
});

describeWithMariadb('accounts of MariaDB', () => {
  test('are rotated, and one is left', async () => {
    const { configure, sql, name } = await borrowMariadb();
    const { admin, endpoints, role, schema } = configure();

    const rotationId = await rotateTwice(await workspace(), 'mariadb', {
      target: { endpoints, schema, admin: { username: admin.username, password: 'ADMIN' } },
      secret: { name, role },
      admin: Buffer.from(openSecret(admin.password)).toString(),
    });

    expect(await sql(`SELECT user FROM mysql.global_priv WHERE user LIKE '${name}-%'`)).toEqual([
      { user: `${name}-${rotationId}` },
    ]);
  });
});

test('signing keys are rotated, and one is left', async () => {
  const place = await workspace();
  const folder = join(place.folder, `keys-${randomBytes(3).toString('hex')}`);
  await mkdir(folder);

  const rotationId = await rotateTwice(place, 'signing-key', { target: { folder }, secret: { name: 'app' } });

  expect(await readdir(folder)).toEqual([`app-${rotationId}.json`]);
});
