import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresLeases } from '../../../src/adapters/postgres/leases.js';
import { migrate } from '../../../src/adapters/postgres/migrate.js';
import { type KnownKeys, keyringRow } from '../../../src/adapters/postgres/store/keyring-row.js';
import { putInitial } from '../../../src/adapters/postgres/store/put-by-person.js';
import { postgresSealed } from '../../../src/adapters/postgres/store/sealed.js';
import { postgresStore } from '../../../src/adapters/postgres/store/store.js';
import { postgresStoreReader } from '../../../src/adapters/postgres/store/versions.js';
import { renderCredential } from '../../../src/core/credential.js';
import { Secret, sameSecret } from '../../../src/core/secret.js';
import type { Keyring } from '../../../src/ports/keyring.js';
import { eventually } from '../../support/eventually.js';
import { freshDatabase, sharedPostgres } from '../../support/postgres.js';
import type { StoreFixture } from './store-fixture.js';
import { freshKeyring, scopeOf, storeFixture } from './store-fixture.js';
import { openPool } from '../../support/pool.js';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await storeFixture();
});

afterAll(() => fixture.close());

const fields = { identity: 'username', value: 'password' };

function credential(value = randomBytes(24).toString('base64url')): Secret {
  return renderCredential({ identity: 'app_a', value: Secret.fromText(value) }, fields);
}

const put = (secret: string, value: Secret, replaces?: number) =>
  putInitial(fixture, { secret, value, by: 'ada', reason: 'a test', ...(replaces === undefined ? {} : { replaces }) });

const rowsOf = async <Row extends pg.QueryResultRow>(sql: string, ...values: readonly unknown[]) =>
  (await fixture.pool.query<Row>(sql, [...values])).rows;

describe('a first version by a person', () => {
  test('is current and read by applications', async () => {
    const secret = await fixture.freshSecret();
    const value = credential();

    const { version } = await put(secret, value);

    const read = await postgresStoreReader(fixture).readCurrent(secret);
    expect(read).toMatchObject({ version, rotationId: null, labels: ['current'] });
    expect(sameSecret(read!.value, value)).toBe(true);
    expect(await rowsOf('SELECT current_version FROM keyturn.secrets WHERE secret = $1', secret)).toEqual([
      { current_version: version },
    ]);
  });

  test('leaves its audit row, without the value', async () => {
    const secret = await fixture.freshSecret();
    const { version } = await put(secret, credential('correct-horse-battery'));

    const rows = await rowsOf('SELECT * FROM keyturn.audit WHERE secret = $1', secret);

    expect(rows).toMatchObject([
      {
        principal: 'ada',
        action: 'VersionPut',
        reason: 'a test',
        environment: 'test',
        facts: { version, replaces: null },
      },
    ]);
    expect(JSON.stringify(rows)).not.toContain('correct-horse');
  });

  test('is refused where there is one, and takes its place where that is said', async () => {
    const secret = await fixture.freshSecret();
    const { version } = await put(secret, credential());

    await expect(put(secret, credential())).rejects.toMatchObject({ code: 'VERSION_EXISTS', facts: { version } });
    await expect(put(secret, credential(), version + 1)).rejects.toMatchObject({ code: 'VERSION_EXISTS' });
    const second = await put(secret, credential(), version);

    expect(await postgresStoreReader(fixture).readCurrent(secret)).toMatchObject({ version: second.version });
    expect(await postgresStoreReader(fixture).readCurrent(secret, 'previous')).toMatchObject({ version });
    expect(await rowsOf('SELECT id FROM keyturn.audit WHERE secret = $1', secret)).toHaveLength(2);
  });

  test('of ten at once is one', async () => {
    const secret = await fixture.freshSecret();

    const puts = await Promise.allSettled(Array.from({ length: 10 }, () => put(secret, credential())));

    expect(puts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await rowsOf('SELECT version FROM keyturn.versions WHERE secret = $1', secret)).toHaveLength(1);
  });

  test('is refused while a rotation is open, for a secret nobody declared, and for a redacted value', async () => {
    const secret = await fixture.freshSecret();
    await expect(put(secret, Secret.fromText('{"username":"a","password":"[redacted]"}'))).rejects.toMatchObject({
      code: 'VALUE_UNFIT',
    });
    await expect(put('test:/nowhere', credential())).rejects.toMatchObject({ code: 'UNKNOWN_SECRET' });
    const { plan } = await fixture.begin(secret);

    await expect(put(secret, credential())).rejects.toMatchObject({
      code: 'ROTATION_OPEN',
      facts: { rotation: plan.rotationId },
    });
    expect(await postgresStoreReader(fixture).readCurrent(secret)).toBeNull();
  });

  test('frees a store whose oldest version has the label', async () => {
    const secret = await fixture.freshSecret();
    const value = credential();
    const first = await put(secret, value);
    for (let count = 0; count < 99; count += 1) {
      const scope = await fixture.begin(secret);
      await fixture.store.retirePending(scope, (await fixture.store.putPending(scope, credential())).version);
    }
    const full = await fixture.begin(secret);
    expect(await fixture.store.preflight(full, first.version)).toMatchObject([
      { sentence: expect.stringContaining('label current') },
    ]);
    await fixture.pool.query('UPDATE keyturn.rotations SET closed_at = now() WHERE secret = $1', [secret]);

    // The same value again, which is what the finding says.
    const { version } = await put(secret, value, first.version);

    expect(await postgresStoreReader(fixture).readCurrent(secret)).toMatchObject({ version });
  });
});

test('a rotation does not store a value the secret has had', async () => {
  const secret = await fixture.freshSecret();
  const value = credential();
  await put(secret, value);
  const scope = await fixture.begin(secret);

  await expect(fixture.store.putPending(scope, value)).rejects.toMatchObject({ code: 'VALUE_UNFIT' });
});

test('the lease is not taken over while a write of its holder is under way', async () => {
  const secret = await fixture.freshSecret();
  const scope = await fixture.begin(secret);
  const { rotationId } = scope.plan;
  const writer = await fixture.pool.connect();
  try {
    await writer.query('BEGIN');
    await writer.query(`SELECT keyturn.store_begin($1, $2, $3)`, [secret, rotationId, scope.fence.epoch]);
    const { rows } = await writer.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');

    const taken = postgresLeases(fixture.pool).acquire({ rotationId, holder: 'a worker', ttlMs: 60_000 });
    await eventually('the takeover waits for the writer', async () => {
      const waiting = await rowsOf(
        'SELECT 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))',
        rows[0]?.pid,
      );
      return waiting.length > 0;
    });
    await writer.query('COMMIT');

    const lease = await taken;
    expect(lease.kind === 'granted' && lease.fence.epoch).toBeGreaterThan(scope.fence.epoch);
  } finally {
    writer.release();
  }
});

test('a writer that waits behind a takeover is refused', async () => {
  const secret = await fixture.freshSecret();
  const scope = await fixture.begin(secret);
  const taker = await fixture.pool.connect();
  try {
    await taker.query('BEGIN');
    await taker.query(`UPDATE keyturn.leases SET epoch = nextval('keyturn.epoch_seq') WHERE secret = $1`, [secret]);
    const { rows } = await taker.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');

    const late = Promise.resolve(fixture.store.putPending(scope, credential())).catch((error: unknown) => error);
    await eventually('the writer waits for the taker', async () => {
      const waiting = await rowsOf(
        'SELECT 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))',
        rows[0]?.pid,
      );
      return waiting.length > 0;
    });
    await taker.query('COMMIT');

    expect(await late).toMatchObject({ code: 'STORE_STALE' });
    expect(await rowsOf('SELECT 1 FROM keyturn.versions WHERE secret = $1', secret)).toEqual([]);
  } finally {
    taker.release();
  }
});

test('nothing is written under the lease of another rotation', async () => {
  const secret = await fixture.freshSecret();
  const scope = await fixture.begin(secret);
  const { rotationId } = (await fixture.begin(await fixture.freshSecret())).plan;
  const foreign = scopeOf(secret, rotationId, scope.fence.epoch);

  await expect(fixture.store.putPending(foreign, credential())).rejects.toMatchObject({ code: 'STORE_STALE' });

  expect(await rowsOf('SELECT 1 FROM keyturn.versions WHERE secret = $1', secret)).toEqual([]);
});

test('every move of a label stays in its history', async () => {
  const secret = await fixture.freshSecret();
  const first = await put(secret, credential());
  const scope = await fixture.begin(secret);
  const { version } = await fixture.store.putPending(scope, credential());
  await fixture.store.moveCurrent(scope, { from: first.version, to: version, previous: first.version });

  const moves = await rowsOf(
    'SELECT label, from_version, to_version, rotation_id, moved_by FROM keyturn.label_moves WHERE secret = $1 ORDER BY id',
    secret,
  );

  const rotation = scope.plan.rotationId;
  expect(moves.map((move): unknown[] => Object.values(move))).toEqual([
    ['current', null, 1, null, 'ada'],
    ['pending', null, 2, rotation, rotation],
    ['previous', null, 1, rotation, rotation],
    ['current', 1, 2, rotation, rotation],
    ['pending', 2, null, rotation, rotation],
  ]);
});

test('the label goes to no version the store does not hold', async () => {
  const scope = await fixture.begin(await fixture.freshSecret());

  await expect(async () =>
    fixture.store.moveCurrent(scope, { from: null, to: 9, previous: null }),
  ).rejects.toMatchObject({ code: 'STORE_DENIED' });
  expect(await fixture.store.read(scope, 'current')).toBeNull();
});

describe('a value moved in the database does not open', () => {
  const two = async () => {
    const [one, other] = [await fixture.freshSecret(), await fixture.freshSecret()];
    await put(one, credential());
    await put(other, credential());
    return { one, other };
  };

  test('from another secret', async () => {
    const { one, other } = await two();
    await fixture.pool.query(
      `UPDATE keyturn.versions AS v SET sealed = o.sealed, put_id = o.put_id, digest = o.digest
         FROM keyturn.versions AS o WHERE v.secret = $1 AND o.secret = $2`,
      [one, other],
    );

    await expect(postgresStoreReader(fixture).readCurrent(one)).rejects.toMatchObject({ code: 'KEYRING_DENIED' });
  });

  test('from another version of the secret', async () => {
    const { one } = await two();
    await put(one, credential(), 1);
    await fixture.pool.query(
      `UPDATE keyturn.versions AS v SET sealed = o.sealed FROM keyturn.versions AS o
        WHERE v.secret = $1 AND o.secret = $1 AND v.version = 2 AND o.version = 1`,
      [one],
    );

    await expect(postgresStoreReader(fixture).readCurrent(one)).rejects.toMatchObject({ code: 'KEYRING_DENIED' });
  });

  test('with the digest of another value', async () => {
    const { one } = await two();
    await fixture.pool.query(`UPDATE keyturn.versions SET digest = $2 WHERE secret = $1`, [one, 'a'.repeat(32)]);

    await expect(postgresStoreReader(fixture).readCurrent(one)).rejects.toMatchObject({ code: 'KEYRING_DENIED' });
  });
});

test('a value sealed beside the journal opens for its rotation and slot only', async () => {
  const scope = await fixture.begin(await fixture.freshSecret());
  const { environment, secret, rotationId } = scope.plan;
  const value = credential();
  const sealed = await fixture.keyring.seal(value, { environment, secret, rotation: rotationId, slot: 'new' });
  await fixture.pool.query(`INSERT INTO keyturn.sealed_values VALUES ($1, 'new', $2), ($1, 'moved', $2)`, [
    rotationId,
    sealed,
  ]);
  const port = postgresSealed(fixture);

  expect(sameSecret((await port.open(scope, 'new'))!, value)).toBe(true);
  expect(await port.open(scope, 'none')).toBeNull();
  await expect(async () => port.open(scope, 'moved')).rejects.toMatchObject({ code: 'KEYRING_DENIED' });
});

const knows = ({ keyId }: Keyring, named = 'a', digestKey: Uint8Array | null = null): KnownKeys => ({
  keyIds: [keyId],
  named,
  first: async () => ({ keyId, digestKey }),
});

describe('the master key of a database', () => {
  test('is written down at the first start and compared ever after', async () => {
    const [ours, theirs] = [await freshKeyring(), await freshKeyring()];

    const { keyId } = ours;
    await keyringRow(fixture.pool, knows(ours, '/keys/a.key'));

    expect(await keyringRow(fixture.pool, knows(ours, '/keys/a.key'))).toMatchObject({ keyId, isMoved: false });
    await expect(keyringRow(fixture.pool, knows(theirs, '/keys/b.key'))).rejects.toMatchObject({
      code: 'KEY_WRONG',
      facts: { file: '/keys/b.key' },
    });
  });

  test('is one, where two first starts race', async () => {
    await fixture.pool.query('DELETE FROM keyturn.keyring');
    const keyrings = await Promise.all(Array.from({ length: 6 }, freshKeyring));

    const starts = await Promise.allSettled(keyrings.map((keyring) => keyringRow(fixture.pool, knows(keyring))));

    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('has one digest key, where two first starts race', async () => {
    await fixture.pool.query('DELETE FROM keyturn.keyring');
    const keyring = await freshKeyring();
    const made = [1, 2, 3, 4, 5, 6].map((byte) => Buffer.of(byte));

    const rows = await Promise.all(made.map((each) => keyringRow(fixture.pool, knows(keyring, 'a', each))));

    expect(new Set(rows.map(({ digestKey }) => Buffer.from(digestKey ?? []).toString('hex'))).size).toBe(1);
  });
});

test('a database without the schema is told apart, and one that is not there is retried', async () => {
  const { url } = await freshDatabase();
  const empty = openPool(url, 1);
  const nowhere = new pg.Pool({ host: '127.0.0.1', port: 1, max: 1 });
  const reading = (pool: pg.Pool) =>
    postgresStore({ pool, keyring: fixture.keyring }).read(scopeOf('test:/a', 'r1', 1), 'current');
  try {
    await expect(async () => reading(empty)).rejects.toMatchObject({ code: 'DATABASE_UNMIGRATED' });
    await expect(async () => reading(nowhere)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', class: 'retry' });
  } finally {
    await empty.end();
    await nowhere.end();
  }
});

test('the role of the worker does all of it and can change no version and no history', async () => {
  const role = `keyturn_test_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client((await sharedPostgres()).url());
  await admin.connect();
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'a-password-of-a-test'`);
  const url = new URL(fixture.url);
  url.username = role;
  url.password = 'a-password-of-a-test';
  const pool = openPool(url.href, 2);
  try {
    await migrate(fixture.url, { appRole: role });
    await fixture.pool.query('DELETE FROM keyturn.keyring');
    const store = postgresStore({ pool, keyring: fixture.keyring });
    const secret = await fixture.freshSecret();
    const { version: old } = await putInitial(
      { pool, keyring: fixture.keyring },
      { secret, value: credential(), by: 'ada', reason: '' },
    );
    const scope = await fixture.begin(secret);

    const { version } = await store.putPending(scope, credential());
    await store.moveCurrent(scope, { from: old, to: version, previous: old });
    await store.retirePending(scope, version);
    await keyringRow(pool, knows(fixture.keyring));

    expect(await store.read(scope, 'current')).toMatchObject({ version });
    for (const forbidden of [
      'UPDATE keyturn.versions SET digest = digest',
      'DELETE FROM keyturn.versions',
      'UPDATE keyturn.label_moves SET label = label',
      'DELETE FROM keyturn.label_moves',
      'DELETE FROM keyturn.labels',
      'UPDATE keyturn.keyring SET key_id = key_id',
      'DELETE FROM keyturn.keyring',
    ]) {
      await expect(pool.query(forbidden), forbidden).rejects.toMatchObject({ code: '42501' });
    }
  } finally {
    await pool.end();
    await fixture.pool.query(`DROP OWNED BY ${role}`);
    await admin.query(`DROP ROLE ${role}`);
    await admin.end();
  }
});
