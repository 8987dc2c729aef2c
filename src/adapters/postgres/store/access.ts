import type { PathGrant } from '../../../core/path-grant.js';
import type { Secret } from '../../../core/secret.js';
import type { SealContext } from '../../../ports/keyring.js';
import type { KnownAccessKey, StoreAccess } from '../../../ports/parameters.js';
import { ask } from './failure.js';
import type { StoreParts } from './versions.js';

/** The access keys of the built-in store's wire protocol, and the record of what was done with them. */
export function postgresStoreAccess({ pool, keyring }: StoreParts): StoreAccess {
  return {
    find: async (keyId) => {
      const [row] = await ask<{
        readonly environment: string;
        readonly principal: string;
        readonly grants: readonly PathGrant[];
        readonly requests_per_second: number;
        readonly sealed: Uint8Array;
        readonly now_ms: number;
      }>(
        pool,
        `SELECT environment, principal, grants, requests_per_second, sealed, keyturn.to_ms(clock_timestamp()) AS now_ms
           FROM keyturn.access_keys WHERE key_id = $1 AND revoked_at IS NULL`,
        [keyId],
      );
      if (row === undefined) return null;
      const { environment, principal, grants, requests_per_second: requestsPerSecond, sealed, now_ms: nowMs } = row;
      const secret = await keyring.open(sealed, keyContext(environment, keyId));
      return { keyId, environment, principal, grants, requestsPerSecond, secret, nowMs };
    },
    note: async (accesses) => {
      await ask(
        pool,
        `INSERT INTO keyturn.accesses (environment, principal, source, action, parameter, version, outcome)
         SELECT environment, principal, source, action, environment || ':' || path, version, outcome
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[])
             AS noted (environment, principal, source, action, path, version, outcome)`,
        [
          accesses.map(({ environment }) => environment),
          accesses.map(({ principal }) => principal),
          accesses.map(({ source }) => source),
          accesses.map(({ action }) => action),
          accesses.map(({ path }) => path),
          accesses.map(({ version }) => version),
          accesses.map(({ outcome }) => outcome),
        ],
      );
    },
  };
}

/** A new access key. */
export interface NewAccessKey {
  readonly keyId: string;
  readonly secret: Secret;
  readonly environment: string;
  readonly principal: string;
  readonly grants: readonly PathGrant[];
  readonly requestsPerSecond: number;
  readonly by: string;
}

/** Keeps an access key, its secret half sealed, with its audit row. */
export async function addAccessKey({ pool, keyring }: StoreParts, key: NewAccessKey): Promise<void> {
  const { keyId, secret, environment, principal, grants, requestsPerSecond, by } = key;
  await ask(
    pool,
    `WITH added AS (
       INSERT INTO keyturn.access_keys (key_id, environment, principal, grants, requests_per_second, sealed, made_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7))
     INSERT INTO keyturn.audit (environment, principal, action, reason, facts)
     VALUES ($2, $7, 'AccessKeyMade', $8, jsonb_build_object('keyId', $1::text, 'principal', $3::text, 'grants', $4::jsonb))`,
    [
      keyId,
      environment,
      principal,
      JSON.stringify(grants),
      requestsPerSecond,
      await keyring.seal(secret, keyContext(environment, keyId)),
      by,
      `for ${principal}`,
    ],
  );
}

/** Every access key there was, the newest first. */
export function listAccessKeys(pool: StoreParts['pool']): Promise<readonly KnownAccessKey[]> {
  return ask<KnownAccessKey>(
    pool,
    `SELECT key_id AS "keyId", environment, principal, grants, requests_per_second AS "requestsPerSecond",
            made_by AS "madeBy", to_json(made_at) #>> '{}' AS "madeAt", to_json(revoked_at) #>> '{}' AS "revokedAt"
       FROM keyturn.access_keys ORDER BY made_at DESC, key_id`,
    [],
  );
}

/** Ends an access key, with its audit row. *Returns* false where there is no such key. *Repeat*: harmless. */
export async function revokeAccessKey(
  pool: StoreParts['pool'],
  { keyId, by, reason }: { readonly keyId: string; readonly by: string; readonly reason: string },
): Promise<boolean> {
  const rows = await ask(
    pool,
    `WITH known AS (SELECT environment, revoked_at FROM keyturn.access_keys WHERE key_id = $1 FOR UPDATE),
          revoked AS (
            UPDATE keyturn.access_keys SET revoked_at = clock_timestamp(), revoked_by = $2
             WHERE key_id = $1 AND revoked_at IS NULL RETURNING environment),
          noted AS (
            INSERT INTO keyturn.audit (environment, principal, action, reason, facts)
            SELECT environment, $2, 'AccessKeyRevoked', $3, jsonb_build_object('keyId', $1::text) FROM revoked)
     SELECT FROM known`,
    [keyId, by, reason],
  );
  return rows.length > 0;
}

/** What the seal of an access key's secret half is bound to. */
export const keyContext = (environment: string, keyId: string): SealContext => ({
  environment,
  secret: 'access-key',
  rotation: 'store',
  slot: keyId,
});
