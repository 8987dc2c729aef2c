import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../../src/embedded/postgres.js';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.js';
import { canSeeProcesses, commandLines, serversIn } from '../support/processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ fsync: false, ...options });
  onTestFinished(server.stop);
  return server;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

test('the superuser logs in with its password, kept as SCRAM, and with no other', async () => {
  const server = await start();
  const wrong = server.url('postgres').replace(server.password, 'another');

  const rows = await query(server.url('postgres'), 'SELECT rolpassword FROM pg_authid WHERE rolname = current_user');

  expect(rows).toEqual([{ rolpassword: expect.stringMatching(/^SCRAM-SHA-256\$/) as string }]);
  await expect(query(wrong, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

test('the server listens on the loopback and on no socket, whatever the settings say', async () => {
  const server = await start({ settings: { listen_addresses: '*', unix_socket_directories: '/tmp' } });

  const names = "'listen_addresses', 'unix_socket_directories'";
  const rows = await query(server.url('postgres'), `SELECT setting FROM pg_settings WHERE name IN (${names})`);

  expect(rows).toEqual([{ setting: '127.0.0.1' }, { setting: '' }]);
});

test('a port that is asked for is taken, and one that is taken is refused', async () => {
  const server = await start();
  const second = startEmbeddedPostgres({ fsync: false, port: server.port });
  await expect(second).rejects.toMatchObject({
    code: 'EMBEDDED_POSTGRES_FAILED',
    facts: {
      finding: `port ${server.port} is taken`,
      cure: expect.stringMatching(`^Stop what listens on 127.0.0.1:${server.port} `) as string,
    },
  });
  await server.stop();

  const third = await start({ port: server.port });

  expect(third.port).toBe(server.port);
});

test('settings and the log file are as asked, and only the owner reads the log', async () => {
  const logFile = join(await temporaryFolder(), 'statements.log');
  const server = await start({ settings: { log_statement: 'all' }, logFile });

  await query(server.url('postgres'), 'SELECT 4711 AS marker');

  expect(server.serverLogPath).toBe(logFile);
  expect(readFileSync(logFile, 'utf8')).toContain('SELECT 4711 AS marker');
  expect(statSync(logFile).mode & 0o777).toBe(0o600);
});

test('without fsync nothing is flushed, with it everything is', async () => {
  const [fast, safe] = await Promise.all([start({ fsync: false }), start({ fsync: true })]);

  expect(await query(fast.url('postgres'), 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
  expect(await query(safe.url('postgres'), 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
});

test('another major version comes from an alias of the package', async () => {
  const server = await start({ packageName: 'embedded-postgres-15' });

  expect(await query(server.url('postgres'), 'SHOW server_version')).toEqual([
    { server_version: expect.stringMatching(/^15\./) as string },
  ]);
});

test('servers started at the same time have ports and folders of their own', async () => {
  const servers = await Promise.all([start(), start(), start()]);

  expect(new Set(servers.map(({ port }) => port)).size).toBe(3);
  expect(new Set(servers.map(({ dataDir }) => dataDir)).size).toBe(3);
});

test.skipIf(!canSeeProcesses)(
  'a stop leaves no process and no folder, and a second one waits for the same end',
  async () => {
    const server = await start();
    expect(serversIn(server.dataDir)).not.toEqual([]);

    await Promise.all([server.stop(), server.stop()]);

    expect(serversIn(server.dataDir)).toEqual([]);
    expect(existsSync(dirname(server.dataDir))).toBe(false);
    expect(await server.ended).toBe('stopped');
  },
);

test.skipIf(!canSeeProcesses)('a server that is killed is reported, and its folder removed', async () => {
  const server = await start();

  for (const pid of serversIn(server.dataDir)) process.kill(pid, 'SIGKILL');

  expect(await server.ended).toBe('died');
  expect(existsSync(dirname(server.dataDir))).toBe(false);
});

test.skipIf(!canSeeProcesses)('the password is in no command line while the server is made and started', async () => {
  const seen = new Set<string>();
  let isStarted = false;
  const starting = start().finally(() => (isStarted = true));
  while (!isStarted) {
    for (const line of commandLines().values()) line.forEach((argument) => seen.add(argument));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const server = await starting;

  // That initdb was seen shows that the looking was quick enough.
  expect([...seen].some((argument) => argument.endsWith('/initdb'))).toBe(true);
  expect([...seen].filter((argument) => argument.includes(server.password))).toEqual([]);
});

test('a package that is not installed is named', async () => {
  await expect(startEmbeddedPostgres({ fsync: false, packageName: 'embedded-postgres-99' })).rejects.toMatchObject({
    code: 'EMBEDDED_POSTGRES_UNAVAILABLE',
    facts: { finding: 'the package embedded-postgres-99 is not installed' },
  });
});

test('a setting the server refuses is the reason given, and the password is not', async () => {
  const dataDir = await temporaryFolder();
  const failure: unknown = await start({ settings: { no_such_setting: '1' }, dataDir }).catch(
    (error: unknown) => error,
  );

  expect(failure).toMatchObject({
    code: 'EMBEDDED_POSTGRES_FAILED',
    facts: { finding: expect.stringContaining('no_such_setting') as string, log: join(dataDir, 'server.log') },
  });
  const password = readFileSync(join(dataDir, 'superuser-password'), 'utf8').trim();
  expect(password).toMatch(/^.{32}$/);
  expect(inspect(failure, { depth: 9 })).not.toContain(password);
  expect(readFileSync(join(dataDir, 'server.log'), 'utf8')).not.toContain(password);
});
