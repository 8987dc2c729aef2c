import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { built } from '../support/built.js';
import { storePlace } from './store-place.js';

test.skipIf(!existsSync('/dev/full'))('output that cannot be written is no success (needs /dev/full)', async () => {
  const place = await storePlace();
  const full = await open('/dev/full', 'w');

  const { status, stderr } = spawnSync(process.execPath, [built('src/cli/bin.js'), 'store', 'list', '--env', 'demo'], {
    cwd: place.folder,
    env: { PATH: process.env['PATH'], ...place.options.env },
    stdio: ['ignore', full.fd, 'pipe'],
    encoding: 'utf8',
  });
  await full.close();

  expect([status, stderr]).toEqual([1, expect.stringMatching(/^Standard output cannot be written to \(ENOSPC\)/)]);
});
