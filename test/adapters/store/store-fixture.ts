import { randomBytes, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { createKeyFile } from '../../../src/adapters/local-keyring/key-file.js';
import { localKeyring } from '../../../src/adapters/local-keyring/local-keyring.js';
import { postgresStore } from '../../../src/adapters/postgres/store/store.js';
import { defaultPolicy } from '../../../src/core/policy.js';
import type { Plan } from '../../../src/core/plan.js';
import type { Keyring } from '../../../src/ports/keyring.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import type { StoreHarness } from '../../../src/testing/store-cases.js';
import { freshDatabase } from '../../support/postgres.js';
import { openPool } from '../../support/pool.js';

/** A migrated state database with a keyring, and the store of both. */
export interface StoreFixture extends StoreHarness {
  readonly url: string;
  /** Of the superuser. */
  readonly pool: pg.Pool;
  readonly keyring: Keyring;
  readonly close: () => Promise<void>;
}

/** Opens a database of its own. The caller closes it. `major` is that of the server. */
export async function storeFixture(options: Parameters<typeof freshDatabase>[0] = {}): Promise<StoreFixture> {
  const database = await freshDatabase({ ...options, migrated: true });
  const pool = openPool(database.url, 12);
  const keyring = await freshKeyring();
  const freshSecret = async (): Promise<string> => {
    const path = `/billing/${randomBytes(6).toString('hex')}`;
    await pool.query(`INSERT INTO keyturn.secrets (secret, environment, path, target) VALUES ($1, 'test', $2, 'db')`, [
      `test:${path}`,
      path,
    ]);
    return `test:${path}`;
  };
  return {
    url: database.url,
    pool,
    keyring,
    store: postgresStore({ pool, keyring }),
    freshSecret,
    begin: async (secret) => {
      const rotationId = randomUUID();
      await pool.query('UPDATE keyturn.rotations SET closed_at = now() WHERE secret = $1 AND closed_at IS NULL', [
        secret,
      ]);
      await pool.query(
        `INSERT INTO keyturn.rotations (rotation_id, secret, environment, workflow, workflow_number, trigger, status,
                                        reason, requested_by, requested_at, seq)
         VALUES ($1, $2, 'test', 'staged-rotation', 1, 'demand', 'running', 'a test', 'test', now(), 1)`,
        [rotationId, secret],
      );
      return lease(pool, secret, rotationId);
    },
    takeOver: ({ plan }) => lease(pool, plan.secret, plan.rotationId),
    expire: async ({ plan }) => {
      await pool.query('UPDATE keyturn.leases SET expires_at = clock_timestamp() WHERE secret = $1', [plan.secret]);
    },
    giveBack: async ({ plan }) => {
      await pool.query('UPDATE keyturn.leases SET released = true WHERE secret = $1', [plan.secret]);
    },
    close: async () => {
      await pool.end();
      await database.drop();
    },
  };
}

/** A keyring of a master key made for it. */
export async function freshKeyring(): Promise<Keyring> {
  const file = join(tmpdir(), `keyturn-store-${randomUUID()}.key`);
  await createKeyFile(file);
  try {
    return await localKeyring(file);
  } finally {
    await rm(file);
  }
}

async function lease(pool: pg.Pool, secret: string, rotationId: string): Promise<Scope> {
  const { rows } = await pool.query<{ epoch: string }>(
    `INSERT INTO keyturn.leases AS l (secret, rotation_id, environment, target, holder, epoch, expires_at)
     VALUES ($1, $2, 'test', 'db', 'a worker', nextval('keyturn.epoch_seq'), clock_timestamp() + interval '1 hour')
     ON CONFLICT (secret) DO UPDATE
       SET rotation_id = excluded.rotation_id, epoch = excluded.epoch, expires_at = excluded.expires_at, released = false
     RETURNING epoch`,
    [secret, rotationId],
  );
  return scopeOf(secret, rotationId, Number(rows[0]?.epoch));
}

/** A scope of an executor of this rotation. */
export function scopeOf(secret: string, rotationId: string, epoch: number, changes: Partial<Plan> = {}): Scope {
  const [environment = '', path = ''] = secret.split(':');
  return {
    plan: {
      rotationId,
      environment,
      path,
      secret,
      workflow: { name: 'staged-rotation', number: 1 },
      target: 'db',
      rotator: 'postgres',
      principal: 'app',
      config: {},
      capabilities: {
        overlap: 'two-live',
        origin: 'ours',
        fence: true,
        disable: true,
        usage: true,
        endsSessions: true,
        list: true,
        settleMs: 0,
      },
      storeSettleMs: 0,
      fields: { identity: 'username', value: 'password' },
      policy: defaultPolicy,
      consumers: [],
      trigger: 'demand',
      reason: 'a test',
      requestedBy: 'test',
      repair: false,
      adopted: false,
      ...changes,
    },
    step: 'stage',
    attempt: 1,
    fence: { era: 1, epoch, known: true },
    nowMs: Date.now(),
    signal: new AbortController().signal,
    deadlineMs: 10_000,
  };
}
