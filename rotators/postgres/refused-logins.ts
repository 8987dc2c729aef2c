import { type Finding, type RefusedLogins, type RotatorContext, isKeyturnError } from 'keyturn/rotator';
import pg from 'pg';
import type { Admin, AdminSession } from './admin.js';
import { type PostgresConfig, nameOf } from './config.js';

const { escapeIdentifier } = pg;

/** Where the log of a server ended, and what time it was there. */
interface End {
  readonly file: string;
  readonly size: number;
  /** By its own clock, as it writes it. */
  readonly at: string;
}

/** By the name of the endpoint. */
type Mark = Readonly<Record<string, End>>;

/** More than this of a log is not read for one look. Bytes. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Where the log in JSON ends now. No file: the server writes none. */
const endQuery = `
  SELECT file, (pg_stat_file(file)).size::float8 AS size, clock_timestamp()::text AS at
    FROM (SELECT pg_current_logfile('jsonlog') AS file) AS log`;

/**
 * Inputs: file, where to begin, how many bytes, the role, and when. From where logins with the role were refused since then. The
 * collector writes what a backend has told it in its own time: what counts is when it happened.
 */
const refusedQuery = `
  SELECT DISTINCT entry ->> 'remote_host' AS host
    FROM (SELECT line::jsonb AS entry
            FROM regexp_split_to_table(pg_read_file($1, $2::bigint, $3::bigint, true), E'\\n') AS line
           WHERE line LIKE '{%}' AND strpos(line, '"state_code":"28') > 0) AS entries
   WHERE entry ->> 'user' = $4 AND entry ->> 'error_severity' = 'FATAL' AND entry ->> 'state_code' IN ('28000', '28P01')
     AND (entry ->> 'timestamp')::timestamptz > $5::timestamptz
     AND entry ->> 'remote_host' <> '[local]'`;

/** From where logins with a role were refused since a mark, by the log of each endpoint. One that cannot be read makes it unknown. */
export async function refusedEverywhere(
  { config, admin }: { readonly config: PostgresConfig; readonly admin: Admin },
  { identity, mark }: { readonly identity: string; readonly mark: string | null },
  ctx: RotatorContext,
): Promise<RefusedLogins> {
  const since = mark === null ? null : (JSON.parse(mark) as Mark);
  const work = { action: 'refused logins', ctx, cure: logCure(config) };
  try {
    const found = await Promise.all(
      config.endpoints.map(async (endpoint) => {
        const name = nameOf(endpoint);
        return admin.use(endpoint, work, async (session) => {
          const end = await endOf(session);
          const begin = since?.[name];
          const from = end === null || begin === undefined ? [] : await hostsSince(session, identity, begin, end);
          return { name, end, from };
        });
      }),
    );
    if (found.some(({ end }) => end === null)) return unread('it writes none in JSON');
    if (found.some(({ from }) => from === null)) return unread('it has grown too much since the last look');
    return {
      kind: 'known',
      mark: JSON.stringify(Object.fromEntries(found.map(({ name, end }) => [name, end]))),
      from: [...new Set(found.flatMap(({ from }) => from ?? []))],
    };
  } catch (error) {
    return unread(isKeyturnError(error) ? error.code : 'no answer');
  }
}

const unread = (why: string): RefusedLogins => ({
  kind: 'unknown',
  reason: `the log of a server could not be read (${why})`,
});

/** What is missing for the log to be read, at the endpoint of this session. */
export async function logFindings(session: AdminSession, config: PostgresConfig): Promise<readonly Finding[]> {
  if (config.mode === 'in-place' || !config.refusedLogins) return [];
  try {
    if ((await endOf(session)) !== null) return [];
    const sentence = 'refusedLogins is asked for, and the server writes no log in JSON';
    const cure =
      'Set logging_collector = on, and jsonlog in log_destination, and restart the server; or leave refusedLogins out.';
    return [{ sentence, cure }];
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== '42501') throw error;
    const sentence = `refusedLogins is asked for, and admin ${config.admin.username} may not read the log of the server`;
    return [{ sentence, cure: logCure(config) }];
  }
}

/** What the admin needs to read the log, once in its own database. */
export function logCure({ admin, adminDatabase }: PostgresConfig): string {
  const name = escapeIdentifier(admin.username);
  const functions = 'pg_current_logfile(text), pg_stat_file(text), pg_read_file(text, bigint, bigint, boolean)';
  return `GRANT EXECUTE ON FUNCTION ${functions} TO ${name}; -- in database ${adminDatabase}`;
}

/** *Returns* null where it writes none in JSON. */
async function endOf(session: AdminSession): Promise<End | null> {
  const { rows } = await session.query(endQuery);
  const [row] = rows as readonly { readonly file: string | null; readonly size: number; readonly at: string }[];
  if (row === undefined || row.file === null) return null;
  return { file: row.file, size: row.size, at: row.at };
}

/** Over the end of one file into the next, where the server has begun one since. *Returns* null where that is too much to read. */
async function hostsSince(
  session: AdminSession,
  identity: string,
  since: End,
  end: End,
): Promise<readonly string[] | null> {
  const parts =
    since.file === end.file
      ? [{ file: since.file, begin: since.size, bytes: end.size - since.size }]
      : [
          { file: since.file, begin: since.size, bytes: MOST_BYTES },
          { file: end.file, begin: 0, bytes: end.size },
        ];
  const hosts: string[] = [];
  for (const { file, begin, bytes } of parts) {
    if (bytes > MOST_BYTES) return null;
    if (bytes <= 0) continue;
    const { rows } = await session.query(refusedQuery, [file, begin, bytes, identity, since.at]);
    hosts.push(...(rows as readonly { readonly host: string }[]).map(({ host }) => host));
  }
  return hosts;
}
