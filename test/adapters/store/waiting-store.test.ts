import { randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresIntake } from '../../../src/adapters/postgres/intake.js';
import { putInitial } from '../../../src/adapters/postgres/store/put-by-person.js';
import { renderCredential } from '../../../src/core/credential.js';
import { Secret } from '../../../src/core/secret.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import { eventually } from '../../support/eventually.js';
import type { StoreFixture } from './store-fixture.js';
import { scopeOf, storeFixture } from './store-fixture.js';

let fixture: StoreFixture;

/** How long a wait may be is not tried here, and a machine that stands still for a while must not end one. */
const waitLong = `DO $$
  DECLARE waiting regprocedure;
  BEGIN
    FOR waiting IN SELECT oid FROM pg_proc WHERE pronamespace = 'keyturn'::regnamespace AND 'lock_timeout=5s' = ANY (proconfig) LOOP
      EXECUTE format('ALTER FUNCTION %s SET lock_timeout = ''1min''', waiting);
    END LOOP;
  END $$`;

beforeAll(async () => {
  fixture = await storeFixture();
  await fixture.pool.query(waitLong);
});

afterAll(() => fixture.close());

function credential(): Secret {
  const value = Secret.fromText(randomBytes(24).toString('base64url'));
  return renderCredential({ identity: 'app_a', value }, { identity: 'username', value: 'password' });
}

const put = async (secret: string, replaces?: number) =>
  putInitial(fixture, {
    secret,
    value: credential(),
    by: 'ada',
    reason: 'a test',
    ...(replaces === undefined ? {} : { replaces }),
  });

/** Somebody in the middle of a transaction that began with this statement. What it has not committed is rolled back. */
async function inTheMiddle<T>(
  statement: string,
  values: readonly unknown[],
  use: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await fixture.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(statement, [...values]);
    return await use(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

const storeLock = `SELECT pg_advisory_xact_lock(hashtextextended('keyturn-store:' || $1, 0))`;
const leaseLock = 'SELECT FROM keyturn.leases WHERE secret = $1 FOR UPDATE';

/** Waits until so many wait for a lock in the database of these tests. */
const someWait = (count: number) =>
  eventually(`${count} wait for a lock`, async () => {
    const { rows } = await fixture.pool.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
    );
    return rows.length === count;
  });

async function versionsOf(secret: string): Promise<readonly number[]> {
  const { rows } = await fixture.pool.query<{ version: number }>(
    'SELECT version FROM keyturn.versions WHERE secret = $1',
    [secret],
  );
  return rows.map(({ version }) => version);
}

describe('a version by a person', () => {
  test('is refused where a rotation was about to begin', async () => {
    const secret = await fixture.freshSecret();
    const { plan } = scopeOf(secret, randomUUID(), 0);

    await inTheMiddle('SELECT keyturn.accept($1, $2)', [JSON.stringify(plan), []], async (client) => {
      const refused = expect(put(secret)).rejects.toMatchObject({
        code: 'ROTATION_OPEN',
        facts: { rotation: plan.rotationId },
      });
      await someWait(1);
      await client.query('COMMIT');
      await refused;
    });
    expect(await versionsOf(secret)).toEqual([]);
  });

  test('that is being written makes a rotation wait to begin', async () => {
    const secret = await fixture.freshSecret();
    const { plan } = scopeOf(secret, randomUUID(), 0);

    const [first, accepted] = await inTheMiddle(storeLock, [secret], async (client) => {
      const putting = put(secret);
      await someWait(1);
      const beginning = postgresIntake(fixture.pool).accept(plan, []);
      await someWait(2);
      await client.query('COMMIT');
      return Promise.all([putting, beginning]);
    });

    expect([first.version, accepted.kind]).toEqual([1, 'accepted']);
  });

  test('waits for a write of a rotation that has closed, and does not take the place of what it wrote', async () => {
    const secret = await fixture.freshSecret();
    const { version: old } = await put(secret);
    const scope = await fixture.begin(secret);
    const { version } = await fixture.store.putPending(scope, credential());
    const { rotationId } = scope.plan;

    const move = 'SELECT keyturn.store_move_current($1, $2, $3, $4, $5, $4)';
    await inTheMiddle(move, [secret, rotationId, scope.fence.epoch, old, version], async (client) => {
      await fixture.pool.query('UPDATE keyturn.rotations SET closed_at = now() WHERE rotation_id = $1', [rotationId]);
      const refused = expect(put(secret, old)).rejects.toMatchObject({ code: 'VERSION_EXISTS', facts: { version } });
      await someWait(1);
      await client.query('COMMIT');
      await refused;
    });
  });
});

describe('a write of a rotation is refused where its lease has ended', () => {
  const refusedWrite = (scope: Scope) =>
    expect(Promise.resolve(fixture.store.putPending(scope, credential()))).rejects.toMatchObject({
      code: 'STORE_STALE',
    });

  test('by whom it waited for', async () => {
    const secret = await fixture.freshSecret();
    const scope = await fixture.begin(secret);

    await inTheMiddle(leaseLock, [secret], async (client) => {
      const refused = refusedWrite(scope);
      await someWait(1);
      await client.query('UPDATE keyturn.leases SET expires_at = clock_timestamp() WHERE secret = $1', [secret]);
      await client.query('COMMIT');
      await refused;
    });
    expect(await versionsOf(secret)).toEqual([]);
  });

  test.each([
    ['its lease', leaseLock],
    ['its store', storeLock],
  ])('while it waited for %s', async (_, lock) => {
    const secret = await fixture.freshSecret();
    const scope = await fixture.begin(secret);

    await fixture.pool.query(
      `UPDATE keyturn.leases SET expires_at = clock_timestamp() + interval '2 seconds' WHERE secret = $1`,
      [secret],
    );

    await inTheMiddle(lock, [secret], async (client) => {
      const refused = refusedWrite(scope);
      await someWait(1);
      await eventually('the lease has ended', async () => {
        const { rows } = await client.query<{ so: boolean }>(
          'SELECT clock_timestamp() > expires_at AS so FROM keyturn.leases WHERE secret = $1',
          [secret],
        );
        return rows[0]?.so;
      });
      await client.query('COMMIT');
      await refused;
    });
    expect(await versionsOf(secret)).toEqual([]);
  });
});
