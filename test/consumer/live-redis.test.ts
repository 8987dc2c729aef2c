import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { liveRedis } from 'keyturn/consumer';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type Login, followed, freshLogin } from './two-logins.js';

const { url } = inject('redis');

describe.skipIf(url === undefined)('a live client of ioredis (needs a Redis)', () => {
  /** Two users of one Redis, and an application that uses the first. */
  async function application() {
    const server = url ?? '';
    const admin = new Redis(server);
    const suffix = randomBytes(5).toString('hex');
    const [a, b] = [freshLogin(`app_${suffix}_a`), freshLogin(`app_${suffix}_b`)];
    for (const { username, password } of [a, b])
      await admin.call('ACL', 'SETUSER', username, 'on', `>${password}`, '~*', '+@all');
    const store = followed(a);
    const { hostname: host, port } = new URL(server);
    const redis = liveRedis<Redis>({
      credential: store.credential,
      open: (held) => {
        const [username, password] = [held.get('username'), held.get('password')];
        const client = new Redis({
          host,
          port: Number(port),
          username,
          password,
          lazyConnect: true,
          retryStrategy: () => null,
        });
        // Whoever uses it is told of what goes wrong.
        return client.on('error', () => undefined);
      },
    });
    onTestFinished(async () => {
      await redis.end();
      await admin.call('ACL', 'DELUSER', a.username, b.username);
      await admin.quit();
    });
    const who = async (): Promise<unknown> => (await redis.client()).call('ACL', 'WHOAMI');
    const sessionsOf = async ({ username }: Login): Promise<number> =>
      String(await admin.call('CLIENT', 'LIST')).split(` user=${username} `).length - 1;
    const change = async ({ username }: Login, rule: string) => admin.call('ACL', 'SETUSER', username, rule);
    return { a, b, redis, who, sessionsOf, change, ...store };
  }

  test('commands go on while the credential changes, and then nobody is left who uses the old one', async () => {
    const { a, b, who, sessionsOf, promote, credential } = await application();
    let isOver = false;
    const seen = new Set<unknown>();
    const workers = [1, 2, 3].map(async () => {
      while (!isOver) seen.add(await who());
    });
    await eventually('they are at work', () => seen.size === 1);

    promote(b);
    await credential.refresh();
    await eventually('they use the new one', () => seen.has(b.username));
    await eventually('the old one is quiet', async () => (await sessionsOf(a)) === 0);
    isOver = true;
    // A command that failed would have rejected.
    await Promise.all(workers);

    expect([...seen]).toEqual([a.username, b.username]);
  });

  test('a login that is refused finds the version that the store has by then', async () => {
    const { a, b, who, change, promote, credential } = await application();
    await credential.current();
    promote(b);
    await change(a, 'off');

    expect(await who()).toBe(b.username);
  });

  test('a login that is refused though the store has no other is the error of whoever asked', async () => {
    const { a, who, change } = await application();
    await change(a, 'off');

    const error: unknown = await who().catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/WRONGPASS/);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(a.password);
  });

  test('where the new one does not work the old one serves, until it does', async () => {
    const { a, b, redis, who, change, promote, credential } = await application();
    expect(await who()).toBe(a.username);
    await change(b, 'off');
    promote(b);
    await credential.refresh();

    expect(await who()).toBe(a.username);
    // Nothing is proved by it.
    await expect(redis.moved()).rejects.toThrow(/^WRONGPASS/);

    await change(b, 'on');
    expect(await redis.moved()).toBe(2);
    await eventually('it has moved', async () => (await who()) === b.username);
  });

  test('it lends nothing when it has ended', async () => {
    const { redis, who } = await application();
    await who();
    await redis.end();

    await expect(redis.client()).rejects.toThrow('the client has ended');
  });
});
