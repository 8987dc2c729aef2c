import { once } from 'node:events';
import { connect } from 'node:net';
import { Secret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { logCure } from '../../../rotators/postgres/refused-logins.js';
import { startTestPostgres } from '../../support/test-server.js';
import { contextOf } from './borrowed.js';

/** A server of this test alone, with an admin that may do what it needs, and two logins of an application. */
async function place(settings: Readonly<Record<string, string>> = {}) {
  const server = await startTestPostgres(18, settings);
  onTestFinished(async () => server.stop());
  const superuser = new pg.Client({ connectionString: server.url('postgres') });
  await superuser.connect();
  onTestFinished(async () => superuser.end());
  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const each of statements) await superuser.query(each);
  };
  await run(
    'CREATE ROLE app_owner NOLOGIN',
    "CREATE ROLE keeper LOGIN CREATEROLE PASSWORD 'keeper' IN ROLE pg_signal_backend, pg_read_all_stats",
    'GRANT app_owner TO keeper WITH ADMIN TRUE, INHERIT FALSE, SET FALSE',
    "CREATE ROLE app_a LOGIN PASSWORD 'the-old-one' IN ROLE app_owner",
    'ALTER DATABASE postgres OWNER TO app_owner',
  );
  const { port } = new URL(server.url('postgres'));
  const config = postgres.config.parse({
    endpoints: [{ host: '127.0.0.1', port: Number(port) }],
    database: 'postgres',
    admin: { username: 'keeper', password: Secret.fromText('keeper') },
    owner: 'app_owner',
    logins: ['app_a', 'app_b'],
    refusedLogins: true,
  });
  const connection = postgres.connect(config);
  onTestFinished(async () => connection.close());
  const ctx = contextOf('test:/app', 'r1');
  return {
    ...{ run, config, superuser, port: Number(port) },
    refused: async (mark: string | null, identity = 'app_a') => connection.refusedLogins!(identity, mark, ctx),
    /** What preflight finds about the log; the roles of this test are another matter. */
    findings: async () => (await connection.preflight(null, ctx)).filter((each) => /refusedLogins/.test(each.sentence)),
    /** An application tries to log in. */
    async tries(user: string, password: string): Promise<string> {
      const client = new pg.Client({ host: '127.0.0.1', port: Number(port), user, password, database: 'postgres' });
      return client.connect().then(
        async () => client.end().then(() => 'logged in'),
        (error: { readonly code?: string }) => error.code ?? 'no code',
      );
    },
  };
}

const inJson = { logging_collector: 'on', log_destination: 'jsonlog' };
const markOf = (answer: { readonly kind: string; readonly mark?: string }): string => {
  expect(answer.kind).toBe('known');
  return answer.mark ?? '';
};

test('a refused login is told of by its address, once the admin may read the log', async () => {
  const { run, config, findings, superuser, refused, tries } = await place(inJson);
  expect(await findings()).toMatchObject([{ cure: logCure(config) }]);
  expect(await refused(null)).toEqual({
    kind: 'unknown',
    reason: expect.stringMatching(/^the log of 127\.0\.0\.1:\d+ could not be read \(PRIVILEGE_MISSING\)$/),
  });
  await run(logCure(config));
  expect(await findings()).toEqual([]);

  expect(await tries('app_a', 'a wrong one')).toBe('28P01');
  const mark = markOf(await refused(null));
  expect(await refused(mark)).toMatchObject({ kind: 'known', from: [] });
  await run('ALTER ROLE app_a NOLOGIN');
  expect(await tries('app_a', 'the-old-one')).toBe('28000');
  await expect.poll(async () => refused(mark), { timeout: 10_000 }).toMatchObject({ from: ['127.0.0.1'] });
  expect(await refused(mark, 'app_b')).toMatchObject({ kind: 'known', from: [] });

  // The server begins another file, and what is in the one before is not lost.
  const between = markOf(await refused(null));
  expect(await tries('app_a', 'the-old-one')).toBe('28000');
  await expect.poll(async () => refused(between), { timeout: 10_000 }).toMatchObject({ from: ['127.0.0.1'] });
  await superuser.query("ALTER SYSTEM SET log_filename = 'another-%H%M%S.log'");
  await superuser.query('SELECT pg_reload_conf(), pg_rotate_logfile()');
  await expect
    .poll(async () => (await refused(null)) as unknown, { timeout: 10_000 })
    .toMatchObject({
      mark: expect.stringContaining('another-'),
    });
  expect(await refused(between)).toMatchObject({ from: ['127.0.0.1'] });
}, 60_000);

test('a server that writes no log in JSON is named by preflight, and tells nothing', async () => {
  const { run, config, findings, refused } = await place();
  await run(logCure(config));

  expect(await findings()).toMatchObject([
    { sentence: expect.stringMatching(/^refusedLogins is asked for, and \S+ cannot tell: it writes no log in JSON$/) },
  ]);
  expect(await refused(null)).toEqual({
    kind: 'unknown',
    reason: expect.stringMatching(/could not be read \(it writes no log in JSON\)$/),
  });
}, 60_000);

test.each(['Asia/Jakarta', 'Europe/Dublin', 'Asia/Kolkata', 'Pacific/Guam', 'America/Caracas'])(
  'lines that nobody can read hide no others, in a log of %s',
  async (zone) => {
    const { run, config, refused, tries, port } = await place({ ...inJson, log_timezone: zone });
    await run(logCure(config));
    expect(await tries('app_a', 'a wrong one')).toBe('28P01');
    const mark = markOf(await refused(null));
    await strange(port, [0x78, 0xff, 0xfe, 0x22, 0x5c]);
    await strange(port, [...Buffer.from('a"b\\c{}\n')]);
    expect(await refused(mark)).toMatchObject({ kind: 'known', from: [] });

    expect(await tries('app_a', 'a wrong one')).toBe('28P01');
    await expect.poll(async () => refused(mark), { timeout: 10_000 }).toMatchObject({ from: ['127.0.0.1'] });
    await strange(port, [0xff]);
    expect(await refused(mark)).toMatchObject({ from: ['127.0.0.1'] });
  },
  60_000,
);

test('a server that writes names of hosts is named by preflight', async () => {
  const { run, config, findings, refused } = await place({ ...inJson, log_hostname: 'on' });
  await run(logCure(config));

  expect(await findings()).toMatchObject([{ sentence: expect.stringContaining('it writes names of hosts') }]);
  expect(await refused(null)).toMatchObject({ kind: 'unknown' });
}, 60_000);

/** Asks to log in with a user name of these bytes, and hears what the server says to that. */
async function strange(port: number, name: readonly number[]): Promise<void> {
  const words = Buffer.concat([Buffer.from('user\0'), Buffer.from(name), Buffer.from('\0database\0postgres\0\0')]);
  const head = Buffer.alloc(8);
  head.writeInt32BE(words.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  const socket = connect({ host: '127.0.0.1', port });
  socket.write(Buffer.concat([head, words]));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  // Asked for a password it sends none that fits.
  if (answer[0] === 0x52) {
    socket.write(Buffer.from('700000000862616400', 'hex'));
    await once(socket, 'close');
  }
  socket.destroy();
}
