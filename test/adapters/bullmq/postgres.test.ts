import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { migrateQueue } from '../../../src/adapters/bullmq/migrate-queue.js';
import { bullmqWakeupSource } from '../../../src/adapters/bullmq/wakeup-source.js';
import { bullmqWakeups } from '../../../src/adapters/bullmq/wakeups.js';
import { eventually } from '../../support/eventually.js';
import { freshDatabase } from '../../support/postgres.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { postgresUnderTest } from './queue-under-test.js';
import { outageCases } from './outage-cases.js';
import { wakeupCases } from './wakeup-cases.js';

describe('wakeups on PostgreSQL', () => {
  wakeupCases(postgresUnderTest);
  outageCases(postgresUnderTest);
});

const fast = { checkEveryMs: 50, backoffMs: { first: 20, longest: 100 } };
const wakeup = { about: 'rotation', id: 'r-1', key: '1', delayMs: 0, urgent: false } as const;

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Counts turns of the event loop's timers: a worker that spins without a pause lets none through. */
function countTicks(): { readonly ticks: () => number } {
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 5);
  onTestFinished(() => clearInterval(timer));
  return { ticks: () => ticks };
}

/** Both ends on a database, through a counting proxy. */
async function ends(url: string): Promise<{
  readonly rang: string[];
  readonly names: string[];
  readonly wakeups: ReturnType<typeof bullmqWakeups>;
  readonly source: ReturnType<typeof bullmqWakeupSource>;
  readonly start: () => Promise<void>;
  readonly accepted: () => number;
}> {
  const { hostname, port } = new URL(url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const names: string[] = [];
  const rang: string[] = [];
  const options = { ...fast, url: proxy.url(url), onError: (name: string) => void names.push(name) };
  const wakeups = bullmqWakeups(options);
  const source = bullmqWakeupSource(options);
  onTestFinished(async () => {
    await Promise.all([wakeups.close(), source.stop()]);
    await proxy.stop();
  });
  const handlers = { rotation: async (id: string) => void rang.push(id), delivery: async () => {} };
  return { rang, names, wakeups, source, start: async () => source.start(handlers, 2), accepted: () => proxy.accepted };
}

describe('a database that was not migrated', () => {
  test('is refused by name, and the event loop turns', async () => {
    const { url } = await freshDatabase();
    const { start, wakeups, accepted } = await ends(url);
    const { ticks } = countTicks();

    await expect(start()).rejects.toMatchObject({ code: 'DATABASE_UNMIGRATED' });
    await expect(wakeups.ring(wakeup)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    const before = accepted();
    const from = ticks();
    await eventually('100 timers fire', () => ticks() - from > 100);

    // Half a second with tries 100 ms apart, twice.
    expect(accepted() - before).toBeLessThan(40);
  });

  test('is used once it has been migrated', async () => {
    const { url } = await freshDatabase();
    const { start, source, wakeups, rang } = await ends(url);
    await expect(start()).rejects.toMatchObject({ code: 'DATABASE_UNMIGRATED' });

    await migrateQueue(url);
    await eventually('both ends are ready', () => source.health() === 'ready' && wakeups.health() === 'ready');
    await wakeups.ring(wakeup);

    await eventually('it rang', () => rang.length === 1);
  });
});

test('a schema dropped under a working worker neither makes it spin nor ends it for good', async () => {
  const { url } = await freshDatabase();
  await migrateQueue(url);
  const { start, source, wakeups, rang, names, accepted } = await ends(url);
  await start();
  await wakeups.ring(wakeup);
  await eventually('it rang', () => rang.length === 1);
  const { ticks } = countTicks();

  // It locks table after table, as the worker does in another order: of the two, the worker is to be turned away.
  await query(url, `SET deadlock_timeout = '60s'; DROP SCHEMA bullmq CASCADE`);
  await eventually('it is down', () => source.health() === 'down' && names.includes('DATABASE_UNMIGRATED'));
  const before = accepted();
  const from = ticks();
  await eventually('100 timers fire', () => ticks() - from > 100);
  expect(accepted() - before).toBeLessThan(40);

  await migrateQueue(url);
  await eventually('both ends are ready', () => source.health() === 'ready' && wakeups.health() === 'ready');
  await wakeups.ring({ ...wakeup, key: '2' });

  await eventually('it rings again', () => rang.length === 2);
});

test('sessions ended by the server are replaced', async () => {
  const { url } = await freshDatabase();
  await migrateQueue(url);
  const { start, source, wakeups, rang } = await ends(url);
  await start();

  await query(
    url,
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
  );
  await eventually('a ring goes through', async () => {
    await wakeups.ring({ ...wakeup, key: String(rang.length) });
    return rang.length > 0;
  });
  await eventually('it is ready', () => source.health() === 'ready');
});

/** A login role of this test with no rights of its own. */
async function freshRole(url: string): Promise<{ readonly name: string; readonly url: string }> {
  const name = `keyturn_test_role_${randomBytes(4).toString('hex')}`;
  await query(url, `CREATE ROLE ${name} LOGIN PASSWORD 'of-this-test'`);
  const own = new URL(url);
  own.username = name;
  own.password = 'of-this-test';
  return { name, url: own.href };
}

/** Runs a test with a role that is removed again. */
async function withRole(
  use: (database: {
    readonly url: string;
    readonly role: { readonly name: string; readonly url: string };
  }) => Promise<void>,
): Promise<void> {
  const { url } = await freshDatabase();
  const role = await freshRole(url);
  try {
    await use({ url, role });
  } finally {
    await query(url, `DROP OWNED BY ${role.name} CASCADE; DROP ROLE ${role.name}`);
  }
}

describe('a role with what the migration grants and nothing else', () => {
  test('rings, is rung for, and cannot create anything', async () => {
    await withRole(async ({ url, role }) => {
      await query(url, 'REVOKE ALL ON SCHEMA public FROM PUBLIC');
      await migrateQueue(url, { appRole: role.name });
      const { start, source, wakeups, rang } = await ends(role.url);
      await start();

      await wakeups.ring(wakeup);
      await wakeups.ring({ ...wakeup, key: '2', delayMs: 20 });
      await wakeups.ring({ ...wakeup, about: 'delivery', id: 'd-1' });

      await eventually('all rang', () => source.counts().started === 3);
      expect(rang).toEqual(['r-1', 'r-1']);
      await expect(query(role.url, 'CREATE TABLE bullmq.planted ()')).rejects.toMatchObject({ code: '42501' });
      await expect(query(role.url, 'DELETE FROM bullmq.migration')).rejects.toMatchObject({ code: '42501' });
      await Promise.all([wakeups.close(), source.stop()]);
    });
  });

  test('that is not granted, is refused without a spin', async () => {
    await withRole(async ({ url, role }) => {
      await migrateQueue(url);
      const { start, source, wakeups, names } = await ends(role.url);
      const { ticks } = countTicks();

      await expect(start()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      await eventually('50 timers fire', () => ticks() > 50);

      expect(names).toContain('42501');
      await Promise.all([wakeups.close(), source.stop()]);
    });
  });

  test('that may read but not write is reported, and the event loop turns', async () => {
    await withRole(async ({ url, role }) => {
      await migrateQueue(url);
      await query(
        url,
        `GRANT USAGE ON SCHEMA bullmq TO ${role.name}; GRANT SELECT ON ALL TABLES IN SCHEMA bullmq TO ${role.name}`,
      );
      const { start, source, wakeups, names } = await ends(role.url);
      const { ticks } = countTicks();
      await start();

      await eventually('it is found', () => names.includes('42501'));
      await eventually('it is given up for a while', () => source.health() === 'down');
      const from = ticks();
      await eventually('50 timers fire', () => ticks() - from > 50);
      await expect(wakeups.ring(wakeup)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      await Promise.all([wakeups.close(), source.stop()]);
    });
  });
});

describe('migrateQueue', () => {
  test('five at once are harmless', async () => {
    const { url } = await freshDatabase();

    await Promise.all(Array.from({ length: 5 }, async () => migrateQueue(url)));
  });

  test('a role that may not create the schema is told what to do', async () => {
    await withRole(async ({ role }) => {
      await expect(migrateQueue(role.url)).rejects.toMatchObject({ code: 'PRIVILEGE_MISSING' });
    });
  });

  test('a name of a role is quoted', async () => {
    const { url } = await freshDatabase();

    await expect(migrateQueue(url, { appRole: 'nobody"; DROP SCHEMA bullmq CASCADE; --' })).rejects.toThrow();
    await migrateQueue(url);
    await query(url, 'SELECT 1 FROM bullmq.job');
  });

  test('an unreachable server is named by code only', async () => {
    const failed = migrateQueue('postgres://someone:planted-password@127.0.0.1:1/none');

    await expect(failed).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await expect(failed).rejects.not.toThrow(/planted-password|someone|127/);
  });
});
