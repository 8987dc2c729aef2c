import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scramVerifier } from '../../rotators/postgres/scram.js';
import type { Credential } from '../../src/core/credential.js';
import { Secret, openSecret } from '../../src/core/secret.js';
import { eventually } from '../support/eventually.js';
import { type TestDatabase, freshDatabase } from '../support/postgres.js';
import { secretsOf } from './cast.js';
import { Consumer } from './consumer.js';

/** A busy machine. Milliseconds. */
const patienceMs = 60_000;

const name = 'consumer-1';
const tables = secretsOf(name).map(({ table }) => table);

describe('a consumer of the load rig', () => {
  let database: TestDatabase;
  let admin: pg.Client;
  let logins: readonly Credential[];
  let consumer: Consumer;
  let version: number;

  beforeEach(async () => {
    database = await freshDatabase();
    admin = new pg.Client(database.url);
    await admin.connect();
    const chance = randomBytes(4).toString('hex');
    logins = [1, 2].map((each) => ({
      identity: `load_consumer_${chance}_${each}`,
      value: Secret.fromText(randomBytes(16).toString('hex')),
    }));
    for (const table of tables)
      await admin.query(`CREATE TABLE ${table} (id bigint GENERATED ALWAYS AS IDENTITY, cents integer)`);
    for (const { identity, value } of logins) {
      const verifier = await scramVerifier(Secret.fromText(Buffer.from(openSecret(value)).toString()), 4096);
      await admin.query(`CREATE ROLE ${identity} LOGIN PASSWORD '${verifier}'`);
      await admin.query(`GRANT ALL ON ${tables.join(', ')} TO ${identity}`);
    }
    version = 1;
    const url = new URL(database.url);
    consumer = new Consumer({
      name,
      target: { port: Number(url.port), database: database.name },
      read: async () => ({ version, credential: logins[version - 1]! }),
    });
    await consumer.start();
    const isAtWork = (): boolean => consumer.counters().queries > 0 && consumer.counters().freshLogins > 0;
    await eventually('it is at work', isAtWork, { maxMs: patienceMs });
  });

  afterEach(async () => {
    await consumer.stop();
    for (const { identity } of logins) await admin.query(`DROP OWNED BY ${identity}; DROP ROLE ${identity}`);
    await admin.end();
    await database.drop();
  });

  test('answers a refused login by one look at `current`, and counts no failure', async () => {
    version = 2;
    await admin.query(`ALTER ROLE ${logins[0]!.identity} NOLOGIN`);

    const isRefreshed = (): boolean => {
      const { moves, refreshes } = consumer.counters();
      return moves === 2 * tables.length && refreshes >= tables.length;
    };
    await eventually('a login of each secret was refused', isRefreshed, { maxMs: patienceMs });
    expect(consumer.counters().failures).toBe(0);
  });

  test('counts a query that failed for another reason, although `current` has moved meanwhile', async () => {
    const blocker = new pg.Client(database.url);
    await blocker.connect();
    await blocker.query(`BEGIN; LOCK TABLE ${tables[0]} IN ACCESS EXCLUSIVE MODE`);
    const waiting = async (): Promise<readonly number[]> => {
      const { rows } = await admin.query<{ readonly pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE usename = $1 AND wait_event_type = 'Lock'`,
        [logins[0]!.identity],
      );
      return rows.map(({ pid }) => pid);
    };
    await eventually('a query waits', async () => (await waiting()).length > 0, { maxMs: patienceMs });
    version = 2;
    const followed = consumer.followAll();
    await eventually('it has moved', () => consumer.counters().moves === 2 * tables.length, { maxMs: patienceMs });

    for (const pid of await waiting()) await admin.query('SELECT pg_terminate_backend($1)', [pid]);
    await blocker.end();
    await followed;

    await eventually('the failure is counted', () => consumer.counters().failures > 0, { maxMs: patienceMs });
    const { refreshes, firstFailures } = consumer.counters();
    expect(refreshes).toBe(0);
    expect(firstFailures.map(({ doing, code }) => `${doing}: ${code}`)).toContain('a query: 57P01');
  });
});
