import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

test('an admin credential that is put right in its file is used by the worker that was refused with the other', async () => {
  const place = await workspace();
  const config = join(place.folder, 'keyturn.config.ts');
  const text = (await readFile(config, 'utf8')).replace("env('ADMIN_PASSWORD')", "file('./admin-password')");
  await writeFile(config, text.replace('defineConfig, env', 'defineConfig, file'));
  const passwordFile = join(place.folder, 'admin-password');
  await writeFile(passwordFile, 'not-the-password-of-the-admin', { mode: 0o600 });
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /Working/);

  const refused = await place.run('rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test', '--wait');
  await writeFile(passwordFile, place.options.env['ADMIN_PASSWORD'] ?? '');
  const [row] = await place.ask('SELECT rotation_id AS id, code FROM keyturn.rotations');
  const resumed = await place.run('resume', String(row?.['id']), '--wait');

  expect(refused.code).toBe(3);
  expect(row).toMatchObject({ code: 'ADMIN_REFUSED' });
  expect(resumed).toMatchObject({ code: 0, stdout: expect.stringContaining('completed') });
}, 120_000);
