import { realpathSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { findServerUser } from '../../src/embedded/server-user.js';
import { launch } from '../support/launcher.js';
import { startTestPostgres } from '../support/test-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };

test.skipIf(!isRoot)('root runs the server as somebody else (only as root)', async () => {
  const server = await startTestPostgres(18);
  onTestFinished(server.stop);

  expect(await findServerUser()).toEqual({ uid: expect.any(Number) as number, gid: expect.any(Number) as number });
  expect(statSync(server.dataDir).uid).not.toBe(0);
});

test.skipIf(isRoot)('who is not root runs the server as themselves (only as another user)', async () => {
  const server = await startTestPostgres(18);
  onTestFinished(server.stop);

  expect(await findServerUser()).toBe('ourselves');
  expect(statSync(server.dataDir).uid).toBe(process.getuid?.());
});

const obstacle = whyNobodyCannotRun();

test.skipIf(obstacle !== undefined)(`a user without rights starts a server (${obstacle ?? 'as nobody'})`, async () => {
  const launcher = launch({ fsync: false }, { user: nobody, temporaryFolder: await temporaryFolder({ mode: 0o777 }) });
  onTestFinished(launcher.close);
  const { url, dataDir } = await launcher.answer();

  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query('SELECT 1 AS n');
  await client.end();

  expect(rows).toEqual([{ n: 1 }]);
  expect(statSync(dataDir).uid).toBe(nobody.uid);
});

/** Only root can become somebody else, and nobody must be able to read this checkout and to run Node. */
function whyNobodyCannotRun(): string | undefined {
  if (!isRoot) return 'skipped: only root can become nobody';
  for (const file of [fileURLToPath(import.meta.url), process.execPath]) {
    for (let path = realpathSync(file); path !== dirname(path); path = dirname(path)) {
      if ((statSync(path).mode & 0o005) === 0) return `skipped: nobody cannot reach ${basename(file)}`;
    }
  }
  return undefined;
}
