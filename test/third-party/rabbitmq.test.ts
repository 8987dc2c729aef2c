import { Secret } from 'keyturn/rotator';
import apiKey, { type ApiKeySettings, rabbitmq } from 'keyturn/rotators/api-key';
import type { RotatorHarness } from 'keyturn/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ApiKeyConfig } from '../../rotators/api-key/config.js';
import { contextOf, textOf } from '../rotators/postgres/borrowed.js';
import { eventually } from '../support/eventually.js';
import { judged } from '../support/judged-rotator.js';
import { canSeeProcesses, commandLines } from '../support/processes.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { startTestPostgres } from '../support/test-server.js';
import { loginByAmqp } from './amqp.js';
import { rotateOnce } from './installation.js';
import { type TestRabbitmq, missingRabbitmq, startRabbitmq } from './rabbitmq.js';

const why = missingRabbitmq();
let server: TestRabbitmq | undefined;

/** The server of this file. */
function running(): TestRabbitmq {
  if (server === undefined) throw new Error('RabbitMQ has not been started');
  return server;
}

const permissions = [{ vhost: '/', configure: '', write: '^billing', read: '.*' }];

/** The definition, as it is shipped. */
function definition(change: Partial<Parameters<typeof rabbitmq>[0]> = {}): ApiKeySettings {
  const password = { $ref: 'env:RABBITMQ_ADMIN' };
  const definition = rabbitmq({ baseUrl: running().url, username: 'ops', password, permissions, ...change });
  return { ...definition, principal: 'billing', name: 'billing' };
}

/** The same with its secret in place, as a rotator is given it. */
function configOf(
  settings: ApiKeySettings,
  { username, password } = running().admin,
  change: Readonly<Record<string, unknown>> = {},
): ApiKeyConfig {
  return apiKey.config.parse({
    ...settings,
    auth: { kind: 'basic', username, password: Secret.fromText(password) },
    ...change,
  });
}

/** What the server says of its users, its administrator left out. */
async function users(): Promise<readonly { readonly name: string; readonly tags: readonly string[] }[]> {
  const answer = await running().ask('GET', '/api/users?columns=name,tags');
  const all = (await answer.json()) as readonly { readonly name: string; readonly tags: readonly string[] }[];
  return all.filter(({ name }) => name !== running().admin.username);
}

async function makeUser(name: string, password: string, tags: readonly string[] = []): Promise<void> {
  const user = { name, password, tags };
  const body = { users: [user], permissions: permissions.map((each) => ({ user: name, ...each })) };
  expect((await running().ask('POST', '/api/definitions', body)).status).toBe(204);
}

async function removeUsers(): Promise<void> {
  for (const { name } of await users()) await running().ask('DELETE', `/api/users/${encodeURIComponent(name)}`);
}

const login = async (username: string, password: string) =>
  loginByAmqp({ port: running().amqpPort, username, password });

const ctxOf = (rotationId: string) => contextOf('real:/key', rotationId);

const harness: RotatorHarness<ApiKeyConfig> = {
  rotator: apiKey,
  target: { name: 'RabbitMQ', isReal: true },
  capabilities: {
    ...{ overlap: 'two-live', origin: 'ours', fence: false, disable: false, usage: false, endsSessions: false },
    ...{ list: true, exclusive: false, settleMs: 60_000, propagationMs: 0 },
  },
  begin: async () => {
    await removeUsers();
    const config = configOf(definition());
    const closers: (() => Promise<void>)[] = [removeUsers];
    return {
      config,
      unreachable: { ...config, baseUrl: 'http://127.0.0.1:1' },
      plantForeign: async (identity) => makeUser(identity, 'somebody-elses-0001'),
      plantAdopted: async () => {
        const old = { identity: 'by-hand', password: 'the-one-before-000001' };
        await makeUser(old.identity, old.password);
        return { identity: old.identity, value: Secret.fromText(old.password) };
      },
      isThere: async (identity) => (await users()).some(({ name }) => name === identity),
      openSession: async () => ({ isOpen: async () => false }),
      losingAnswers: async () => {
        const proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(running().url).port) });
        closers.push(() => proxy.stop());
        await proxy.setMode({ kind: 'cutAfterRequest', match: /^(POST|PUT|DELETE) / });
        return { config: { ...config, baseUrl: proxy.url(running().url) }, lost: () => proxy.cuts };
      },
      refusals: {
        authority: async () => {
          const watcher = { username: 'watcher', password: 'may-only-look-0001' };
          await makeUser(watcher.username, watcher.password, ['monitoring']);
          return configOf(definition(), watcher);
        },
      },
      end: async () => {
        for (const close of closers.reverse()) await close();
      },
    };
  },
};

describe.skipIf(why !== undefined)(`RabbitMQ${why === undefined ? '' : ` (${why})`}`, () => {
  beforeAll(async () => {
    server = await startRabbitmq();
  });
  afterAll(async () => server?.stop());

  describe('by the cases of every rotator', () => {
    judged(harness);
  });

  it('has a user rotated by configuration alone, and ends the sessions of the old one with it', async () => {
    await removeUsers();
    const postgres = await startTestPostgres(18);
    onTestFinished(() => postgres.stop());
    const old = { name: 'by-hand', password: 'the-one-before-000001' };
    await makeUser(old.name, old.password);
    const session = await login(old.name, old.password);
    if (session.kind !== 'open') throw new Error(session.said);
    onTestFinished(() => session.leave());

    const { status, code, current } = await rotateOnce(postgres, {
      config: definition(),
      variables: { RABBITMQ_ADMIN: running().admin.password },
      first: { identity: old.name, value: Secret.fromText(old.password) },
    });

    expect([status, code]).toEqual(['completed', null]);
    expect(await login(old.name, old.password)).toMatchObject({
      kind: 'refused',
      said: expect.stringMatching(/^403 /),
    });
    expect(await eventually('the old session ends', () => session.ended())).toMatch(/^320 CONNECTION_FORCED .*deleted/);
    const value = textOf(current.value);
    const fresh = await login(current.identity, value);
    expect(fresh.kind).toBe('open');
    if (fresh.kind === 'open') fresh.leave();
    expect(await users()).toEqual([
      { name: current.identity, tags: [expect.stringMatching(/^keyturn:[0-9a-f]{12}:[\w-]+$/)] },
    ]);
    const granted: unknown = await (await running().ask('GET', `/api/users/${current.identity}/permissions`)).json();
    expect(granted).toEqual(permissions.map((each) => ({ user: current.identity, ...each })));
    expect(await running().log()).not.toContain(value);
  });

  it('takes no notice of the destroying of one user in the sessions of another', async () => {
    await removeUsers();
    const connection = apiKey.connect(configOf(definition()));
    onTestFinished(() => connection.close());
    const sessions = await Promise.all(
      ['r1', 'r2'].map(async (rotationId) => {
        const { identity, value } = await connection.propose(null, ctxOf(rotationId));
        await connection.create({ identity, value: value! }, ctxOf(rotationId));
        const session = await login(identity, textOf(value!));
        if (session.kind !== 'open') throw new Error(session.said);
        onTestFinished(() => session.leave());
        return { identity, ended: session.ended };
      }),
    );
    const [old, fresh] = [sessions[0]!, sessions[1]!];

    await connection.destroy(old.identity, { createdBy: 'r1' }, ctxOf('r2'));

    expect(await eventually('the old session ends', () => old.ended())).toMatch(/^320 /);
    expect(fresh.ended()).toBeUndefined();
  });

  it('accepts a user that may use the plugin, and refuses it with another password', async () => {
    await removeUsers();
    const connection = apiKey.connect(configOf(definition({ tags: ['management'] })));
    onTestFinished(() => connection.close());
    const { identity, value } = await connection.propose(null, ctxOf('r1'));
    await connection.create({ identity, value: value! }, ctxOf('r1'));

    expect(await connection.verify({ identity, value: value! }, ctxOf('r1'))).toMatchObject([{ answer: 'accepted' }]);
    const other = Secret.fromText('a-value-that-nobody-was-given');
    expect(await connection.probe({ identity, value: other }, ctxOf('r1'))).toMatchObject([{ answer: 'refused' }]);
    expect(await connection.list(ctxOf('r1'))).toEqual([{ identity, rotationId: 'r1', live: true }]);
  });

  it('makes a user and then fails at a virtual host that is not there: what was made is found and destroyed', async () => {
    await removeUsers();
    const nowhere = [{ vhost: 'nowhere', configure: '', write: '', read: '' }];
    const connection = apiKey.connect(configOf(definition({ permissions: nowhere })));
    onTestFinished(() => connection.close());
    const { identity, value } = await connection.propose(null, ctxOf('r1'));

    await expect(connection.create({ identity, value: value! }, ctxOf('r1'))).rejects.toMatchObject({
      code: 'ANSWER_UNREADABLE',
      facts: { outcome: 'unknown', finding: expect.stringMatching(/answered 400/) },
    });

    expect(await connection.list(ctxOf('r1'))).toEqual([{ identity, rotationId: 'r1', live: true }]);
    await connection.destroy(identity, { createdBy: 'r1' }, ctxOf('r1'));
    expect(await users()).toEqual([]);
  });

  it('is known by an identifier of its own, and not by its address', async () => {
    const connection = apiKey.connect(configOf(definition()));
    onTestFinished(() => connection.close());

    expect((await connection.identify(ctxOf('r1'))).system).toMatch(/^rabbitmq-cluster-id-/);
  });

  // Last: nothing is asked of it after this.
  it.skipIf(!canSeeProcesses)('leaves no process behind, the register of Erlang nodes included', async () => {
    const before = running().processes();
    const lines = commandLines();
    expect(before.some((pid) => lines.get(pid)?.[0] === 'epmd')).toBe(true);

    await running().stop();

    const isLeft = (pid: number): boolean => commandLines().get(pid)?.join() === lines.get(pid)?.join();
    await eventually('they have ended', () => !before.some(isLeft));
  });
});
