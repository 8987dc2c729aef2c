import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type PathClaim, claimPath } from '../../src/agent/path-claim.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function claimed(path: string): Promise<PathClaim> {
  const claim = await claimPath(path, '--file');
  onTestFinished(() => claim.release());
  return claim;
}

test('a path is claimed by one at a time, by whatever name its folder goes, and nothing is left', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'value');
  await mkdir(join(folder, 'real'));
  await symlink(join(folder, 'real'), join(folder, 'link'));
  const [first, behind] = [await claimed(path), await claimed(join(folder, 'real', 'value'))];
  await claimed(join(folder, 'other'));

  await expect(claimPath(path, '--file')).rejects.toThrow(
    /^--file cannot be used: another agent keeps \S+value\. Stop that one, or name another path\. It listens on \S+\.$/,
  );
  await expect(claimPath(join(folder, 'link', 'value'), '--file')).rejects.toThrow(/another agent keeps/);

  await first.release();
  await behind.release();
  const again = await claimed(path);
  await again.release();
  expect(await readdir(join(folder, 'real'))).toEqual([]);
});

test('of many that start at once at most one has it, and what one holds is never taken from it', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'value');

  for (let round = 0; round < 20; round += 1) {
    const tries = await Promise.allSettled(Array.from({ length: 5 }, () => claimPath(path, '--file')));
    const held = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(held.length).toBeLessThanOrEqual(1);
    await Promise.all(held.map((claim) => claim.release()));
  }
});

test('one that was killed holds nothing, also in a folder whose path is too long for a socket', async () => {
  const folder = join(await temporaryFolder(), 'x'.repeat(120));
  await mkdir(folder);
  const path = join(folder, 'value');
  const first = await claimed(path);
  const [name = ''] = await readdir(folder);
  await first.release();
  // As a killed agent leaves it, and one that was killed before it listened.
  const script = `const { createServer } = require('node:net');
    for (const name of process.argv.slice(1)) createServer().listen(name, () => console.log('listens'));`;
  const names = [name, `${name.slice(0, -1)}x.new`];
  const killed = spawn(process.execPath, ['-e', script, ...names], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let heard = '';
  for await (const text of killed.stdout) {
    heard += String(text);
    if (heard === 'listens\nlistens\n') break;
  }
  await expect(claimPath(path, '--file')).rejects.toThrow(/another agent keeps/);
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  expect(existsSync(join(folder, name))).toBe(true);

  const claim = await claimed(path);

  expect((await readdir(folder)).filter((each) => names.includes(each))).toEqual([]);
  await claim.release();
  expect(await readdir(folder)).toEqual([]);
});

test('a folder that is not there is refused by name', async () => {
  const folder = await temporaryFolder();
  await rm(folder, { recursive: true });

  await expect(claimPath(join(folder, 'value'), '--listen')).rejects.toThrow(
    /^--listen cannot be used: \S+ cannot be claimed \(\w+\)\. Name one in a folder that is there/,
  );
});
