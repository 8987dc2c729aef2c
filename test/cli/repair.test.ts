import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { localKeyring } from '../../src/adapters/local-keyring/local-keyring.js';
import { postgresStoreReader } from '../../src/adapters/postgres/store/versions.js';
import { parseCredential } from '../../src/core/credential.js';
import { openSecret } from '../../src/core/secret.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn, startKeyturn } from './keyturn.js';
import { openPool } from '../support/pool.js';

const secret = 'demo:/demo/billing/db';
const rotate = ['rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test', '--wait'] as const;

test('a first credential is made, and one that somebody killed is repaired only when it is asked for', async () => {
  const cwd = await temporaryFolder();
  const up = await startKeyturn(['up', '--health-port', '0', '--store-port', 'off'], { cwd }, /Keyturn is up/);
  const { databaseUrl } = JSON.parse(readFileSync(join(cwd, '.keyturn', 'up.json'), 'utf8')) as { databaseUrl: string };
  const pool = openPool(databaseUrl, 2);
  const keyring = await localKeyring(join(cwd, 'keyturn.key'));

  /** Logs in with what `current` names, as a consumer does. *Returns* who it is then, or the error's code. */
  const loginWithCurrent = async (): Promise<string> => {
    const stored = await postgresStoreReader({ pool, keyring }).readCurrent(secret);
    if (stored === null) return 'no version';
    const { identity, value } = parseCredential(stored.value, { identity: 'username', value: 'password' }, secret);
    const { hostname, port } = new URL(databaseUrl);
    const password = Buffer.from(openSecret(value)).toString();
    const client = new pg.Client({ host: hostname, port: Number(port), database: 'billing', user: identity, password });
    try {
      await client.connect();
      return identity;
    } catch (error) {
      return (error as { readonly code?: string }).code ?? 'unknown';
    } finally {
      await client.end();
    }
  };

  try {
    expect(await loginWithCurrent()).toBe('no version');
    expect((await keyturn(rotate, { cwd })).code).toBe(0);
    expect(await loginWithCurrent()).toBe('billing_a');

    await pool.query("ALTER ROLE billing_a PASSWORD 'somebody else knows better'");
    const refused = await keyturn(rotate, { cwd });
    expect(refused.stdout).toContain('CURRENT_REFUSED');
    expect(refused.code).toBe(1);
    expect(await loginWithCurrent()).toBe('28P01');

    expect((await keyturn([...rotate, '--repair'], { cwd })).code).toBe(0);
    expect(await loginWithCurrent()).toBe('billing_b');
    const { rows } = await pool.query("SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname LIKE 'billing%'");
    expect(rows).toEqual([{ rolname: 'billing_b' }]);
  } finally {
    await pool.end();
    await up.stop();
  }
}, 240_000);
