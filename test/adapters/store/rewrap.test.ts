import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createKeyFile } from '../../../src/adapters/local-keyring/key-file.js';
import { migrate } from '../../../src/adapters/postgres/migrate.js';
import { addAccessKey, postgresStoreAccess } from '../../../src/adapters/postgres/store/access.js';
import { putInitial } from '../../../src/adapters/postgres/store/put-by-person.js';
import { sealedTables } from '../../../src/adapters/postgres/store/rewrap.js';
import { postgresSealed } from '../../../src/adapters/postgres/store/sealed.js';
import { postgresStore } from '../../../src/adapters/postgres/store/store.js';
import { postgresStoreReader } from '../../../src/adapters/postgres/store/versions.js';
import type { Config } from '../../../src/config/config.js';
import { renderCredential } from '../../../src/core/credential.js';
import { Secret, sameSecret } from '../../../src/core/secret.js';
import { openKeyring, rewrap } from '../../../src/main/keyring.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import { reportFigure } from '../../support/figures.js';
import { openPool } from '../../support/pool.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { type StoreFixture, storeFixture } from './store-fixture.js';

const by = { by: 'ada', tell: () => {} };

const configOf = (file: string, previous?: string): Config => ({
  file: '/keyturn.config.ts',
  folder: '/',
  keyring: { kind: 'file', file, previous: previous === undefined ? null : { kind: 'file', file: previous } },
  databaseLogin: null,
  environments: {},
});

/** Key files of a test, made as they are asked for. */
async function keyFiles(): Promise<() => Promise<string>> {
  const folder = await temporaryFolder();
  return async () => {
    const file = join(folder, `${randomUUID()}.key`);
    await createKeyFile(file);
    return file;
  };
}

/** One value in the store, and one of an open rotation, with what they must go on being. */
interface Kept {
  readonly secret: string;
  readonly scope: Scope;
  readonly version: number;
  readonly digest: string;
  readonly value: Secret;
}

const aValue = (): Secret =>
  renderCredential(
    { identity: 'app_a', value: Secret.fromText(randomBytes(24).toString('base64url')) },
    { identity: 'username', value: 'password' },
  );

async function freshFixture(): Promise<StoreFixture> {
  const fixture = await storeFixture();
  onTestFinished(() => fixture.close());
  return fixture;
}

/** Puts a first version, one of an open rotation, and the value it keeps beside its journal. */
async function keep(fixture: StoreFixture, config: Config): Promise<Kept> {
  const { pool } = fixture;
  const keyring = await openKeyring(config, pool);
  const secret = await fixture.freshSecret();
  await putInitial({ pool, keyring }, { secret, value: aValue(), by: 'ada', reason: '' });
  const scope = await fixture.begin(secret);
  const value = aValue();
  const { version, digest } = await postgresStore({ pool, keyring }).putPending(scope, value);
  const { environment, rotationId } = scope.plan;
  const sealed = await keyring.seal(value, { environment, secret, rotation: rotationId, slot: 'new' });
  await pool.query('INSERT INTO keyturn.sealed_values VALUES ($1, $2, $3)', [rotationId, 'new', sealed]);
  return { secret, scope, version, digest, value };
}

/** Everything reads as it was put, by whoever starts with this configuration, and has the digest it had. */
async function expectKept(pool: pg.Pool, config: Config, kept: readonly Kept[]): Promise<void> {
  const parts = { pool, keyring: await openKeyring(config, pool) };
  for (const { secret, scope, version, digest, value } of kept) {
    const read = await postgresStoreReader(parts).readCurrent(secret, version);
    expect(read?.digest).toBe(digest);
    expect(sameSecret(read!.value, value)).toBe(true);
    expect(sameSecret((await postgresSealed(parts).open(scope, 'new'))!, value)).toBe(true);
    expect(await postgresStoreReader(parts).readCurrent(secret)).not.toBeNull();
    expect(parts.keyring.digest(value, { environment: 'test', secret })).toBe(digest);
  }
}

test('every value moves, reads as before under the new key alone, and keeps its digest', async (context) => {
  const fixture = await freshFixture();
  const { pool } = fixture;
  const freshKey = await keyFiles();
  const [before, after] = [await freshKey(), await freshKey()];
  const kept: Kept[] = [];
  for (let number = 0; number < 20; number += 1) kept.push(await keep(fixture, configOf(before)));

  const moving = configOf(after, before);
  await expectKept(pool, moving, kept);
  expect(await rewrap(moving, pool, by)).toEqual({ moved: 60, unopened: [] });

  await expectKept(pool, moving, kept);
  await expectKept(pool, configOf(after), kept);
  expect(await rewrap(moving, pool, by)).toEqual({ moved: 0, unopened: [] });
  await expect(openKeyring(configOf(before), pool)).rejects.toMatchObject({ code: 'KEY_WRONG' });
  const { rows } = await pool.query("SELECT principal FROM keyturn.audit WHERE action = 'MasterKeyMoved'");
  expect(rows).toEqual([{ principal: 'ada' }]);
  reportFigure(context, 'values rewrapped: 60 / 60');
});

test('broken off at any statement, nothing is lost, and it goes on', async (context) => {
  const fixture = await freshFixture();
  const { pool } = fixture;
  const freshKey = await keyFiles();
  let before = await freshKey();
  const kept = [await keep(fixture, configOf(before)), await keep(fixture, configOf(before))];
  let points = 0;

  for (const how of ['before', 'after'] as const) {
    for (let at = 1, isBroken = true; isBroken; at += 1) {
      const after = await freshKey();
      const moving = configOf(after, before);
      isBroken = await breaksOff(pool, moving, { at, how });
      await expectKept(pool, moving, kept);
      await rewrap(moving, pool, by);
      await expectKept(pool, configOf(after), kept);
      before = after;
      points += isBroken ? 1 : 0;
    }
  }

  expect(points).toBeGreaterThan(16);
  reportFigure(context, `statements a rewrap was broken off at: ${points} passed / ${points}`);
});

/** Rewraps over a connection that ends with the `at`-th statement, done or not. *Returns* false where there were fewer. */
async function breaksOff(
  pool: pg.Pool,
  config: Config,
  { at, how }: { readonly at: number; readonly how: 'before' | 'after' },
): Promise<boolean> {
  let statements = 0;
  const breaking = {
    query: async (text: string, values: unknown[]) => {
      const mine = (statements += 1);
      if (mine > at || (mine === at && how === 'before')) throw new Error('the connection has ended');
      const answer = await pool.query(text, values);
      if (mine === at) throw new Error('the connection has ended');
      return answer;
    },
  } as unknown as pg.Pool;
  try {
    await rewrap(config, breaking, by);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    return true;
  }
}

test('a value put under the old key while it moved is found by the next run, and until then the old key is needed', async () => {
  const fixture = await freshFixture();
  const { pool } = fixture;
  const freshKey = await keyFiles();
  const [before, after] = [await freshKey(), await freshKey()];
  const first = await keep(fixture, configOf(before));
  const moving = configOf(after, before);
  // A worker that started before the move seals under the old key until it is started again.
  const old = await openKeyring(moving, pool);
  await rewrap(moving, pool, by);
  const secret = await fixture.freshSecret();
  const value = aValue();
  await putInitial({ pool, keyring: old }, { secret, value, by: 'ada', reason: '' });

  await expect(openKeyring(configOf(after), pool)).rejects.toMatchObject({ code: 'KEY_STILL_NEEDED' });
  expect(await rewrap(moving, pool, by)).toEqual({ moved: 1, unopened: [] });

  await expectKept(pool, configOf(after), [first]);
  const keyring = await openKeyring(configOf(after), pool);
  expect(sameSecret((await postgresStoreReader({ pool, keyring }).readCurrent(secret))!.value, value)).toBe(true);
});

test('a value that was replaced while it was being sealed is not overwritten', async () => {
  const fixture = await freshFixture();
  const { pool } = fixture;
  const freshKey = await keyFiles();
  const [before, after] = [await freshKey(), await freshKey()];
  const { scope, secret, ...kept } = await keep(fixture, configOf(before));
  const moving = configOf(after, before);
  const keyring = await openKeyring(moving, pool);
  const { environment, rotationId } = scope.plan;
  const other = aValue();
  const sealed = await keyring.seal(other, { environment, secret, rotation: rotationId, slot: 'new' });
  const meddling = {
    query: async (text: string, values: unknown[]) => {
      if (text.startsWith('UPDATE keyturn.sealed_values'))
        await pool.query('UPDATE keyturn.sealed_values SET sealed = $1 WHERE rotation_id = $2', [sealed, rotationId]);
      return pool.query(text, values);
    },
  } as unknown as pg.Pool;

  expect(await rewrap(moving, meddling, by)).toEqual({ moved: 2, unopened: [] });

  const parts = { pool, keyring: await openKeyring(moving, pool) };
  expect(sameSecret((await postgresSealed(parts).open(scope, 'new'))!, other)).toBe(true);
  expect(await rewrap(moving, pool, by)).toEqual({ moved: 1, unopened: [] });
  expect(sameSecret((await postgresStoreReader(parts).readCurrent(secret, kept.version))!.value, kept.value)).toBe(
    true,
  );
});

test('a value that neither key opens is named and stays, and all others move', async () => {
  const fixture = await freshFixture();
  const { pool } = fixture;
  const freshKey = await keyFiles();
  const [before, after] = [await freshKey(), await freshKey()];
  const [sound, damaged] = [await keep(fixture, configOf(before)), await keep(fixture, configOf(before))];
  const where = 'WHERE secret = $1 AND version = $2';
  const broken = `UPDATE keyturn.versions SET sealed = set_byte(sealed, 60, get_byte(sealed, 60) # 1) ${where}`;
  await pool.query(broken, [damaged.secret, damaged.version]);
  const moving = configOf(after, before);

  const unopened = [`versions ${damaged.secret} ${damaged.version}`];
  expect(await rewrap(moving, pool, by)).toEqual({ moved: 5, unopened });
  expect(await rewrap(moving, pool, by)).toEqual({ moved: 0, unopened });

  await expectKept(pool, moving, [sound]);
});

test('the role of a worker may not rewrap, and is told who may', async () => {
  const fixture = await freshFixture();
  const freshKey = await keyFiles();
  const [before, after] = [await freshKey(), await freshKey()];
  const kept = await keep(fixture, configOf(before));
  const role = `keyturn_test_${randomBytes(6).toString('hex')}`;
  await fixture.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'a-password-of-a-test'`);
  await migrate(fixture.url, { appRole: role });
  const url = new URL(fixture.url);
  url.username = role;
  url.password = 'a-password-of-a-test';
  const pool = openPool(url.href, 2);
  try {
    await expect(rewrap(configOf(after, before), pool, by)).rejects.toMatchObject({ code: 'PRIVILEGE_MISSING' });
    await expectKept(fixture.pool, configOf(before), [kept]);
  } finally {
    await pool.end();
    await fixture.pool.query(`DROP OWNED BY ${role}`);
    await fixture.pool.query(`DROP ROLE ${role}`);
  }
});

test('access keys of the store move too', async () => {
  const { pool } = await freshFixture();
  const freshKey = await keyFiles();
  const [before, after] = [await freshKey(), await freshKey()];
  const keyId = 'AKIATESTTESTTESTTEST';
  const secret = Secret.fromText(randomBytes(30).toString('base64'));
  const given = { principal: 'reader', environment: 'test', grants: [], requestsPerSecond: 40, by: 'ada' };
  await addAccessKey({ pool, keyring: await openKeyring(configOf(before), pool) }, { keyId, secret, ...given });

  expect(await rewrap(configOf(after, before), pool, by)).toEqual({ moved: 1, unopened: [] });

  const access = postgresStoreAccess({ pool, keyring: await openKeyring(configOf(after), pool) });
  const found = await access.find(keyId);
  expect(sameSecret(found!.secret, secret)).toBe(true);
});

test('without a key before there is nothing to move from', async () => {
  const { pool } = await freshFixture();
  const freshKey = await keyFiles();

  await expect(rewrap(configOf(await freshKey()), pool, by)).rejects.toMatchObject({ code: 'USAGE' });
});

test('every column that holds something sealed is moved', async () => {
  const { pool } = await freshFixture();

  const { rows } = await pool.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
      WHERE table_schema = 'keyturn' AND column_name = 'sealed' ORDER BY table_name`,
  );

  expect(rows.map(({ name }) => name)).toEqual([...sealedTables].sort());
});
