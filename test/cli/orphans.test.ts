import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startKeyturn } from './keyturn.js';
import { type Workspace, workspace } from './workspace.js';

const subject = ['--env', 'demo', '--secret', '/demo/app/token'] as const;
const meant = ['--reason', 'nobody uses it', '--yes'] as const;

/** A workspace whose one secret is a token in a folder, rotated once. */
async function rotated(): Promise<{ place: Workspace; folder: string; current: string }> {
  const place = await workspace();
  const folder = join(place.folder, 'tokens');
  await mkdir(folder);
  await writeFile(
    join(place.folder, 'keyturn.config.ts'),
    `import { defineConfig } from 'keyturn';
import random from 'keyturn/rotators/random';

export default defineConfig({
  keyring: { file: './keyturn.key' },
  environments: {
    demo: {
      targets: { tokens: { rotator: random, config: { folder: ${JSON.stringify(folder)} } } },
      secrets: {
        '/demo/app/token': {
          target: 'tokens',
          config: { name: 'app' },
          policy: { grace: '0s', quiet: '0s', watch: '0s', poll: '100ms' },
        },
      },
    },
  },
});
`,
  );
  await startKeyturn(['worker', '--health-port', 'off'], place.options, /.*/);
  const first = await place.run('rotate', '/demo/app/token', '--env', 'demo', '--reason', 'a test', '--wait');
  expect(first).toMatchObject({ code: 0 });
  const [file = ''] = await readdir(folder);
  return { place, folder, current: file.slice(0, -5) };
}

/** What a rotation that nobody remembers has left. */
async function leaveOrphan(folder: string, current: string): Promise<void> {
  const entry = JSON.parse(await readFile(join(folder, `${current}.json`), 'utf8')) as object;
  await writeFile(join(folder, 'app-gone.json'), JSON.stringify({ ...entry, rotation: 'gone' }));
}

test('an orphan is named with the command that ends it, and ends only by that; every deed is in the audit trail', async () => {
  const { place, folder, current } = await rotated();
  expect(await place.run('doctor', '--orphans')).toMatchObject({ code: 0 });
  await leaveOrphan(folder, current);

  const found = await place.run('doctor', '--orphans');
  const half = await place.run('doctor', '--orphans', ...subject, '--destroy', 'app-gone');
  const left = await readdir(folder);
  const ended = await place.run('doctor', '--orphans', ...subject, '--destroy', 'app-gone', ...meant);
  const again = await place.run('doctor', '--orphans', ...subject, '--destroy', 'app-gone', ...meant);

  expect(found.code).toBe(1);
  expect(found.stdout).toContain(`doctor --orphans ${subject.join(' ')} --destroy app-gone --reason "…" --yes`);
  expect(found.stdout).toContain('made by rotation gone');
  expect(half).toMatchObject({ code: 2, stderr: expect.stringContaining('needs --reason, --yes') });
  expect(left.toSorted()).toEqual([`${current}.json`, 'app-gone.json'].toSorted());
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('app-gone is destroyed') });
  expect(await readdir(folder)).toEqual([`${current}.json`]);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('NO_ORPHAN') });
  const trail = await place.ask(
    "SELECT action, reason, facts FROM keyturn.audit WHERE action LIKE 'Orphan%' ORDER BY id",
  );
  const facts = { identity: 'app-gone', createdBy: 'gone' };
  expect(trail).toEqual([
    { action: 'OrphanDestroyIntended', reason: 'nobody uses it', facts },
    { action: 'OrphanDestroyed', reason: 'nobody uses it', facts },
  ]);
}, 120_000);

test('what `current` names is no orphan, whoever says so', async () => {
  const { place, folder, current } = await rotated();

  const refused = await place.run('doctor', '--orphans', ...subject, '--destroy', current, ...meant);

  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('NO_ORPHAN') });
  expect(await readdir(folder)).toEqual([`${current}.json`]);
}, 120_000);

test('while a rotation is open nothing is called an orphan, and a target that cannot be asked is not called well', async () => {
  const { place, folder, current } = await rotated();
  const file = join(place.folder, 'keyturn.config.ts');
  await writeFile(file, (await readFile(file, 'utf8')).replace("grace: '0s'", "soak: '1h', grace: '0s'"));
  await place.run('rotate', '/demo/app/token', '--env', 'demo', '--reason', 'a test');

  const open = await place.run('doctor', '--orphans');
  const refused = await place.run('doctor', '--orphans', ...subject, '--destroy', current, ...meant);
  const [row] = await place.ask('SELECT rotation_id AS id FROM keyturn.rotations WHERE closed_at IS NULL');
  expect((await place.run('cancel', String(row?.['id']), '--wait')).code).toBe(0);
  await rename(folder, `${folder}-away`);
  const unseen = await place.run('doctor', '--orphans', '--json');

  expect(open).toMatchObject({ code: 1, stdout: expect.stringMatching(/^\? .*rotation .* is open/) });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('is open') });
  expect(unseen.code).toBe(1);
  expect(JSON.parse(unseen.stdout)).toMatchObject({ isWell: false, looked: [{ orphans: [] }] });
}, 120_000);

test('what belongs to --orphans is refused without it', async () => {
  const place = await workspace();
  const refused = await place.run('doctor', '--destroy', 'app-gone', '--yes');
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--destroy says nothing without --orphans'),
  });
}, 60_000);
