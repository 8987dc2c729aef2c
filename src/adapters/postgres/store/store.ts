import { parseCredential, unfitValue } from '../../../core/credential.js';
import { keyturnError } from '../../../core/errors.js';
import { type Secret, sameSecret } from '../../../core/secret.js';
import type { Finding } from '../../../core/observation.js';
import type { Bound, Label, Scope, StorePort } from '../../../ports/step-ports.js';
import { ask, askOne } from './failure.js';
import { type StoreParts, readVersion, sealContext } from './versions.js';

/**
 * The built-in parameter store. Every write is one statement and so one transaction, which first makes sure that the
 * caller still holds the lease of the secret, by the database's clock: `STORE_STALE` where it does not. Sealing and
 * opening happen outside of it.
 *
 * A write whose outcome is unknown throws `STORE_UNAVAILABLE`; all of them may be repeated.
 */
export function postgresStore(parts: StoreParts): Bound<StorePort> {
  return {
    read: ({ plan }, selector) => readVersion(parts, plan.secret, selector),
    preflight: (scope, current) => preflight(parts, scope, current),
    putPending: (scope, value) => putPending(parts, scope, value),
    moveCurrent: (scope, move) => moveCurrent(parts, scope, move),
    retirePending: (scope, version) => retirePending(parts, scope, version),
  };
}

/**
 * Is the label where the read has just shown it? And is there room: the oldest of a hundred versions must go when the
 * next is put, and does not while it has a label.
 */
async function preflight({ pool }: StoreParts, { plan }: Scope, current: number | null): Promise<readonly Finding[]> {
  const { secret, rotationId } = plan;
  const labelled = await ask<{ readonly version: number | null }>(
    pool,
    `SELECT version FROM keyturn.labels WHERE secret = $1 AND label = 'current'`,
    [secret],
  );
  if ((labelled[0]?.version ?? null) !== current) throw keyturnError('STORE_UNAVAILABLE');
  const rows = await ask<{ readonly label: Label; readonly version: number }>(
    pool,
    `SELECT l.label, l.version FROM keyturn.labels AS l
      WHERE l.secret = $1
        AND l.version = (SELECT min(v.version) FROM keyturn.versions AS v WHERE v.secret = $1 HAVING count(*) >= 100)
        AND NOT EXISTS (SELECT FROM keyturn.versions AS v WHERE v.secret = $1 AND v.rotation_id = $2)`,
    [secret, rotationId],
  );
  return rows.map(({ label, version }) => ({
    sentence: `the store keeps 100 versions of ${secret}, and the oldest, ${version}, has the label ${label}`,
    cure:
      label === 'current'
        ? `Put the current value once more as a new version that replaces ${version}.`
        : `UPDATE keyturn.labels SET version = NULL WHERE secret = '${secret.replaceAll("'", "''")}' AND label = '${label}' AND version = ${version};`,
  }));
}

async function putPending({ pool, keyring }: StoreParts, scope: Scope, value: Secret) {
  const { environment, secret, rotationId } = scope.plan;
  refuseUnfit(scope, value);
  const sealed = await keyring.seal(value, sealContext(secret, { rotationId }));
  const row = await askOne<{
    readonly outcome: 'put' | 'stale' | 'limit' | 'repeated';
    readonly version: number;
    readonly digest: string;
  }>(pool, 'SELECT * FROM keyturn.store_put_pending($1, $2, $3, $4, $5)', [
    ...executor(scope),
    sealed,
    keyring.digest(value, { environment, secret }),
  ]);
  switch (row.outcome) {
    case 'put':
      return { version: row.version, digest: row.digest };
    case 'stale':
      throw stale(scope);
    case 'limit':
      throw keyturnError('VERSION_LIMIT', { secret });
    case 'repeated':
      throw keyturnError('VALUE_UNFIT', { secret, finding: 'it is one the secret has had before' });
    default:
      return row.outcome satisfies never;
  }
}

/** Invariant I7: nothing that was read from a redacted view, and nothing guessable, is ever stored. */
function refuseUnfit({ plan }: Scope, value: Secret): void {
  let credential: Secret;
  try {
    credential = parseCredential(value, plan.fields, plan.secret).value;
  } catch {
    throw keyturnError('VALUE_UNFIT', { secret: plan.secret, finding: 'it is not the JSON of a credential' });
  }
  const finding = unfitValue(credential, [], sameSecret);
  credential.wipe();
  if (finding !== undefined) throw keyturnError('VALUE_UNFIT', { secret: plan.secret, finding });
}

async function moveCurrent(
  { pool }: StoreParts,
  scope: Scope,
  {
    from,
    to,
    previous,
  }: { readonly from: number | null; readonly to: number | null; readonly previous: number | null },
) {
  const row = await askOne<{ readonly outcome: 'settled' | 'absent' | 'stale'; readonly current: number | null }>(
    pool,
    'SELECT * FROM keyturn.store_move_current($1, $2, $3, $4, $5, $6)',
    [...executor(scope), from, to, previous],
  );
  switch (row.outcome) {
    case 'settled':
      return { current: row.current };
    case 'absent':
      throw keyturnError('STORE_DENIED', { action: `moving current to version ${to}, which it does not hold` });
    case 'stale':
      throw stale(scope);
    default:
      return row.outcome satisfies never;
  }
}

async function retirePending({ pool }: StoreParts, scope: Scope, version: number): Promise<void> {
  const { outcome } = await askOne<{ readonly outcome: 'settled' | 'stale' }>(
    pool,
    'SELECT keyturn.store_retire_pending($1, $2, $3, $4) AS outcome',
    [...executor(scope), version],
  );
  if (outcome === 'stale') throw stale(scope);
}

const executor = ({ plan, fence }: Scope): readonly [string, string, number] => [
  plan.secret,
  plan.rotationId,
  fence.epoch,
];

const stale = ({ plan }: Scope) => keyturnError('STORE_STALE', { secret: plan.secret });
