import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Secret } from 'keyturn/rotator';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { scramVerifier } from '../../../rotators/postgres/scram.js';
import { eventually } from '../../support/eventually.js';
import { withPostgres } from '../../support/postgres.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { borrowTarget } from './borrowed.js';

const setting = { major: 18, admin: 'CREATEROLE' } as const;

async function borrowWithLogin() {
  const target = await borrowTarget(setting);
  const proposal = await target.connection.propose(null, target.ctx('r1'));
  await target.connection.create(proposal, target.ctx('r1'));
  return { ...target, made: { identity: proposal.identity, value: proposal.value! } };
}

test('a role that is not there is absent, because the admin can tell', async () => {
  const { connection, ctx, name } = await borrowTarget(setting);
  const nobody = { identity: `${name}_nobody`, value: Secret.fromText('any-value-at-all') };

  expect(await connection.probe(nobody, ctx('r1'))).toMatchObject([{ answer: 'absent' }]);
});

test('where the admin cannot be asked a missing role is refused', async () => {
  const { open, config, ctx, name } = await borrowTarget(setting);
  const { username } = config.admin;
  const led = open({ admin: { username, password: Secret.fromText('wrong-wrong-wrong') } });
  const nobody = { identity: `${name}_nobody`, value: Secret.fromText('any-value-at-all') };

  expect(await led.probe(nobody, ctx('r1'))).toMatchObject([{ answer: 'refused' }]);
});

test('each endpoint is asked, and each answers for itself', async () => {
  const { open, config, ctx, made } = await borrowWithLogin();
  const [endpoint] = config.endpoints;
  const led = open({ endpoints: [endpoint, { host: '127.0.0.1', port: 1 }] });

  expect(await led.probe(made, ctx('r1'))).toEqual([
    { endpoint: `127.0.0.1:${endpoint!.port}`, answer: 'accepted' },
    { endpoint: '127.0.0.1:1', answer: 'unknown', reason: 'no answer' },
  ]);
});

test.each(['refuse', 'reset', 'blackHole'] as const)('a network that does %s is unknown', async (kind) => {
  const { open, config, ctx, made } = await borrowWithLogin();
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: config.endpoints[0]!.port });
  onTestFinished(proxy.stop);
  await proxy.setMode({ kind });
  const led = open({ endpoints: [{ host: '127.0.0.1', port: proxy.port }], connectTimeoutMs: 200 });

  expect(await led.probe(made, ctx('r1'))).toMatchObject([{ answer: 'unknown' }]);
  expect(await led.verify(made, ctx('r1'))).toMatchObject([{ answer: 'unknown' }]);
  expect(await led.usage(made.identity, ctx('r1'))).toMatchObject({ kind: 'unknown' });
});

/** A server that lets everybody in, as a line `trust` of pg_hba.conf does: it is ready without asking for a password. */
async function startTrustingServer(): Promise<number> {
  const letIn = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(letIn));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test('a server that asks for no password proves nothing', async () => {
  const { open, ctx, made } = await borrowWithLogin();
  const led = open({ endpoints: [{ host: '127.0.0.1', port: await startTrustingServer() }] });

  const answer = [{ answer: 'unknown', reason: expect.stringMatching(/asked for no password/) }];
  expect(await led.probe(made, ctx('r1'))).toMatchObject(answer);
  expect(await led.verify(made, ctx('r1'))).toMatchObject(answer);
});

test('a destroyed login that a person has switched on again is neither made anew nor overwritten', async () => {
  const { connection, ctx, made, sql } = await borrowWithLogin();
  await connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r2'));
  await sql(`ALTER ROLE ${made.identity} LOGIN PASSWORD 'of-a-person'`);
  const before = await sql(`SELECT rolpassword FROM pg_authid WHERE rolname = '${made.identity}'`);

  const again = connection.create({ identity: made.identity, value: made.value }, ctx('r3'));
  await expect(again).rejects.toMatchObject({ code: 'PRINCIPAL_IN_USE' });
  expect(await sql(`SELECT rolpassword FROM pg_authid WHERE rolname = '${made.identity}'`)).toEqual(before);
});

test('whoever is logged in with what is destroyed is sent away, though nobody disabled it before', async () => {
  const { connection, ctx, made, logIn } = await borrowWithLogin();
  const client = await logIn(made.identity, made.value);
  const ended = new Promise((resolve) => client.once('end', resolve));

  await connection.destroy(made.identity, { createdBy: 'r1' }, ctx('r2'));
  await ended;
  expect(await connection.usage(made.identity, ctx('r2'))).toMatchObject({ sessions: 0 });
});

test('a login whose default role was taken away does not verify', async () => {
  const { connection, sql, ctx, made, owner } = await borrowWithLogin();
  await sql(`ALTER ROLE ${made.identity} RESET role`);

  expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'accepted' }]);
  expect(await connection.verify(made, ctx('r1'))).toMatchObject([
    { answer: 'refused', reason: `it acts as ${made.identity}, not as the owner ${owner}` },
  ]);
});

test('a database that does not let the login in is refused by verify and proves nothing to probe', async () => {
  const { connection, sql, ctx, made, name } = await borrowWithLogin();
  await sql(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);

  expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'unknown' }]);
  expect(await connection.verify(made, ctx('r1'))).toMatchObject([{ answer: 'refused' }]);
});

test('a login without a free connection is unknown', async () => {
  const { connection, sql, ctx, made } = await borrowWithLogin();
  await sql(`ALTER ROLE ${made.identity} CONNECTION LIMIT 0`);

  expect(await connection.probe(made, ctx('r1'))).toMatchObject([{ answer: 'unknown' }]);
});

test('usage knows the ages by the clock of the target', async () => {
  const { connection, ctx, made, logIn } = await borrowWithLogin();
  await logIn(made.identity, made.value);
  const before = await connection.usage(made.identity, ctx('r1'));
  await logIn(made.identity, made.value);

  const usage = await connection.usage(made.identity, ctx('r1'));

  if (before.kind !== 'known' || usage.kind !== 'known') throw new TypeError('usage is not known');
  expect(usage.sessions).toBe(2);
  expect(usage.youngestAgeMs).toBeLessThan(usage.oldestAgeMs!);
  expect(usage.oldestAgeMs).toBeGreaterThan(before.oldestAgeMs!);
});

test('endpoints that are different clusters are no one target', async () => {
  const { open, config, ctx, sql, name } = await borrowTarget({ major: 18, admin: 'superuser' });
  await withPostgres({ major: 18 }, async (other) => {
    const client = new pg.Client(other.url());
    await client.connect();
    const verifier = await scramVerifier(Secret.fromText(name), 4096);
    for (const create of [`CREATE ROLE ${name}_both SUPERUSER LOGIN PASSWORD '${verifier}'`]) {
      await client.query(create);
      await sql(create);
    }
    await client.end();
    const led = open({
      endpoints: [config.endpoints[0], { host: '127.0.0.1', port: Number(new URL(other.url()).port) }],
      admin: { username: `${name}_both`, password: Secret.fromText(name) },
    });

    await expect(led.identify(ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_CHANGED', class: 'park' });
    expect((await led.preflight(null, ctx('r1'))).map(({ sentence }) => sentence).join()).toContain(
      'is another cluster',
    );
    await led.close();
  });
});

test('a kept session that the server has ended is replaced without an error', async () => {
  const { connection, ctx, sql, config } = await borrowTarget(setting);
  await connection.raise(ctx('r1'));
  await sql(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'keyturn' AND usename = $1",
    [config.admin.username],
  );

  await connection.raise(ctx('r1'));
});

test('a closed connection leaves no session behind', async () => {
  const { open, ctx, sql, config } = await borrowTarget(setting);
  const led = open();
  await led.raise(ctx('r1'));

  await led.close();
  await led.close();

  await eventually('the server has let the session go', async () => {
    const left = await sql('SELECT 1 FROM pg_stat_activity WHERE usename = $1', [config.admin.username]);
    return left.length === 0;
  });
});
