import { randomUUID } from 'node:crypto';
import type { Selector } from '../../../core/parameter-name.js';
import { openSecret } from '../../../core/secret.js';
import type {
  Found,
  Page,
  ParameterDetails,
  ParameterFilter,
  ParameterPut,
  ParameterTier,
  ParameterType,
  ParameterVersion,
  Parameters,
  PutRefusal,
  Writer,
} from '../../../ports/parameters.js';
import { ask, askOne } from './failure.js';
import { conditionsOf } from './parameter-filter.js';
import { type StoreParts, openVersion, sealContext } from './versions.js';

/** The built-in store as its wire protocol sees it. Every write is one statement, with the record of the access in it. */
export function postgresParameters(parts: StoreParts): Parameters {
  const { pool } = parts;
  return {
    put: (environment, put, writer) => putParameter(parts, { environment, put, writer }),
    read: (environment, asked) => readParameters(parts, environment, asked),
    list: (environment, filter, page) => listParameters(parts, { environment, filter, page }),
    history: (environment, path, page) => readHistory(parts, { environment, path, page }),
    label: async (environment, { path, version, labels, remove }, writer) => {
      const row = await askOne<{
        readonly outcome: 'done' | 'managed' | 'missing' | 'version' | 'limit';
        readonly version: number;
        readonly removed: readonly string[];
      }>(pool, 'SELECT * FROM keyturn.parameter_label($1, $2, $3, $4, $5, $6)', [
        environment,
        path,
        version,
        labels,
        remove,
        writer,
      ]);
      return row.outcome === 'done' ? { version: row.version, removed: row.removed } : row.outcome;
    },
    delete: async (environment, path, writer) => {
      const { outcome } = await askOne<{ readonly outcome: 'done' | 'managed' | 'missing' | 'protected' }>(
        pool,
        'SELECT keyturn.parameter_delete($1, $2, $3) AS outcome',
        [environment, path, writer],
      );
      return outcome;
    },
    tags: async (environment, path) => {
      const [row] = await ask<{ readonly tags: Readonly<Record<string, string>> }>(
        pool,
        'SELECT tags FROM keyturn.parameters WHERE environment = $1 AND path = $2',
        [environment, path],
      );
      return row?.tags ?? null;
    },
    tag: async (environment, path, { add, remove }, writer) => {
      const { outcome } = await askOne<{ readonly outcome: 'done' | 'missing' | 'protected' | 'limit' }>(
        pool,
        'SELECT keyturn.parameter_tag($1, $2, $3, $4, $5) AS outcome',
        [environment, path, add, remove, writer],
      );
      return outcome;
    },
  };
}

async function putParameter(
  { pool, keyring }: StoreParts,
  { environment, put, writer }: { readonly environment: string; readonly put: ParameterPut; readonly writer: Writer },
) {
  const secret = `${environment}:${put.path}`;
  const putId = randomUUID();
  const row = await askOne<{
    readonly outcome: 'put' | PutRefusal;
    readonly version: number;
    readonly tier: ParameterTier;
  }>(pool, 'SELECT * FROM keyturn.parameter_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)', [
    environment,
    put.path,
    put.name,
    put.type,
    put.overwrite,
    putId,
    await keyring.seal(put.value, sealContext(secret, { putId })),
    keyring.digest(put.value, { environment, secret }),
    openSecret(put.value).length,
    put.tier,
    put.details,
    put.tags,
    writer,
  ]);
  return row.outcome === 'put' ? { version: row.version, tier: row.tier } : row.outcome;
}

interface ParameterRow {
  readonly path: string;
  readonly name: string;
  readonly type: ParameterType;
  readonly version: number;
  readonly rotation_id: string | null;
  readonly put_id: string | null;
  readonly put_by: string;
  readonly details: ParameterDetails & { readonly tier?: ParameterTier };
  readonly sealed: Uint8Array;
  readonly digest: string;
  readonly labels: readonly string[];
  readonly at_ms: number;
}

/** What an answer is made of; `p` is the parameter, `v` the version. */
const columns = `p.path, p.name, p.type, v.version, v.rotation_id, v.put_id, v.put_by, v.details, v.sealed, v.digest,
  ARRAY(SELECT l.label FROM keyturn.labels AS l
         WHERE l.secret = v.secret AND l.version = v.version ORDER BY l.label COLLATE "C") AS labels,
  keyturn.to_ms(v.at) AS at_ms`;

async function readParameters(
  parts: StoreParts,
  environment: string,
  asked: readonly { readonly path: string; readonly selector: Selector }[],
): Promise<readonly Found[]> {
  const rows = await ask<{ readonly found: boolean } & Partial<ParameterRow>>(
    parts.pool,
    'SELECT * FROM keyturn.parameters_read($1, $2, $3, $4)',
    [
      environment,
      asked.map(({ path }) => path),
      asked.map(({ selector }) => (typeof selector === 'number' ? selector : null)),
      asked.map(({ selector }) => (typeof selector === 'string' ? selector : null)),
    ],
  );
  return rows.map(({ found, ...row }) => {
    if (!found) return 'missing';
    return row.version === null ? 'version' : versionOf(parts, environment, row as ParameterRow);
  });
}

async function listParameters(
  parts: StoreParts,
  {
    environment,
    filter,
    page,
  }: { readonly environment: string; readonly filter: ParameterFilter; readonly page: Page<string> },
): Promise<readonly ParameterVersion[]> {
  const { where, values } = conditionsOf(filter);
  const rows = await ask<ParameterRow>(
    parts.pool,
    `SELECT ${columns}
       FROM keyturn.parameters AS p
       JOIN LATERAL (
         SELECT * FROM keyturn.versions AS each
          WHERE each.secret = p.parameter
            AND ($3::text[] IS NULL OR each.version IN (
                  SELECT l.version FROM keyturn.labels AS l WHERE l.secret = p.parameter AND l.label = ANY ($3)))
          ORDER BY each.version DESC LIMIT 1) AS v ON true
      WHERE p.environment = $1 AND ($2::text IS NULL OR p.path > $2) AND ${where}
      ORDER BY p.path LIMIT ${page.limit}`,
    [environment, page.after, filter.label ?? null, ...values],
  );
  return rows.map((row) => versionOf(parts, environment, row));
}

async function readHistory(
  parts: StoreParts,
  { environment, path, page }: { readonly environment: string; readonly path: string; readonly page: Page<number> },
): Promise<readonly ParameterVersion[] | null> {
  const rows = await ask<ParameterRow>(
    parts.pool,
    `SELECT ${columns}
       FROM keyturn.parameters AS p JOIN keyturn.versions AS v ON v.secret = p.parameter
      WHERE p.environment = $1 AND p.path = $2 AND v.version > $3
      ORDER BY v.version LIMIT ${page.limit}`,
    [environment, path, page.after ?? 0],
  );
  if (rows.length === 0) {
    const [known] = await ask(parts.pool, 'SELECT FROM keyturn.parameters WHERE environment = $1 AND path = $2', [
      environment,
      path,
    ]);
    if (known === undefined) return null;
  }
  return rows.map((row) => versionOf(parts, environment, row));
}

function versionOf(parts: StoreParts, environment: string, row: ParameterRow): ParameterVersion {
  const { tier = 'Standard', ...details } = row.details;
  return {
    path: row.path,
    name: row.name,
    type: row.type,
    version: row.version,
    labels: row.labels,
    tier,
    details,
    putBy: row.put_by,
    atMs: row.at_ms,
    sealed: () => Buffer.from(row.sealed).toString('base64'),
    open: () => openVersion(parts, `${environment}:${row.path}`, row),
  };
}
