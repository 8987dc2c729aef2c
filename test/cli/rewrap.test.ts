import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { startKeyturn } from './keyturn.js';
import { type KmsPlace, currentOf, filePlace, keyFile, rotate, statusOf } from './kms-place.js';

/** The master keys that values of the database are sealed under, by their marks. */
const marksOf = async ({ place }: KmsPlace): Promise<readonly string[]> => {
  const rows = await place.ask(
    `SELECT DISTINCT encode(substring(sealed FROM 3 FOR 8), 'hex') AS mark FROM (
       SELECT sealed FROM keyturn.versions UNION ALL SELECT sealed FROM keyturn.sealed_values) AS each`,
  );
  return rows.map(({ mark }) => String(mark));
};

test('a database moves from a key file to KMS under an open rotation, killed half-way, and the rotation completes', async () => {
  const at = await filePlace();
  const worker = await at.worker();
  expect((await at.run(...rotate, '--wait')).code).toBe(0);
  await at.change("grace: '0s'", "soak: '3s', grace: '0s'");
  await at.run(...rotate);
  await eventually('the new credential is staged', async () => (await statusOf(at))['step'] === 'canary', {
    maxMs: 60_000,
  });
  await worker.stop();
  expect(await statusOf(at)).toMatchObject({ status: 'running', step: 'canary' });
  expect(await marksOf(at)).toHaveLength(1);
  await at.change(keyFile, `${at.kmsKey}, previous: './keyturn.key'`);

  // The versions have moved, and the value of the open rotation is being sealed anew, when it dies.
  at.kms.trouble(...Array.from({ length: 8 }, () => undefined), 'hold', 'hold');
  const broken = await startKeyturn(['store', 'rewrap'], at.options, () => at.kms.held > 0);
  process.kill(broken.pid, 'SIGKILL');
  expect((await broken.ended).code).not.toBe(0);
  expect(await at.place.ask('SELECT key_id AS key FROM keyturn.keyring')).toEqual([{ key: at.arn }]);
  expect(await marksOf(at)).toHaveLength(2);
  at.kms.endTrouble();

  const moved = await at.run('store', 'rewrap');
  expect(moved).toMatchObject({ code: 0, stderr: '' });
  expect(moved.stdout).toMatch(/^1 value was sealed under the new master key\.\nRestart the workers/);
  expect((await at.run('store', 'rewrap')).stdout).toMatch(/^0 values were sealed/);
  expect(await marksOf(at)).toHaveLength(1);

  await at.change(`, previous: './keyturn.key'`, '');
  await rm(join(at.place.folder, 'keyturn.key'));
  await at.worker();
  await eventually('the rotation completes', async () => (await statusOf(at))['status'] === 'completed', {
    maxMs: 60_000,
  });
  expect(await currentOf(at)).toBe(2);
  const audited = await at.run('audit', 'verify');
  expect(audited.code).toBe(0);
}, 240_000);

test('a rewrap without a key before is refused with what to write', async () => {
  const at = await filePlace();

  const refused = await at.run('store', 'rewrap');

  expect(refused.stderr).toMatch(/^USAGE: the configuration names no `previous` master key to move from\./);
  expect(refused.code).toBe(2);
}, 120_000);
