import { isIP } from 'node:net';
import { type Finding, type RefusedLogins, type RotatorContext, isKeyturnError } from 'keyturn/rotator';
import pg from 'pg';
import type { Admin, AdminSession } from './admin.js';
import { type Endpoint, type PostgresConfig, nameOf } from './config.js';

const { escapeIdentifier } = pg;

/** Where the log of a server ended. */
interface End {
  readonly file: string;
  readonly size: number;
  /** What time it was there, as it writes it: `2026-11-30 13:10:00.123 CET`. */
  readonly at: string;
}

/** By the name of the endpoint. */
type Mark = Readonly<Record<string, End>>;

/** More than this of a log is not read for one look. Bytes. */
const MOST_BYTES = 64 * 1024 * 1024;

/** More refused logins than this are not told apart. Lines. */
const MOST_LINES = 5_000;

/**
 * Where the log in JSON ends now, and what time it is there, in the zone and the words of the log. No file: the server writes
 * none. `hostnames`: it writes names where addresses would stand.
 */
const endQuery = `
  SELECT log.file, (pg_stat_file(log.file)).size::float8 AS size, current_setting('log_hostname')::boolean AS hostnames,
         to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SS.MS TZ') AS at
    FROM (SELECT set_config('TimeZone', current_setting('log_timezone'), true) AS zone OFFSET 0) AS own
   CROSS JOIN LATERAL (SELECT pg_current_logfile('jsonlog') AS file WHERE own.zone IS NOT NULL) AS log`;

/**
 * Inputs: file, where to begin, how many bytes, how many lines. The lines that tell of refused logins, whosoever, as they are: a
 * name that a stranger gave is in no encoding for certain, and one line that cannot be read must not hide the others. What
 * is not ASCII, and a backslash, is escaped by octal digits.
 */
const linesQuery = `
  SELECT line
    FROM regexp_split_to_table(encode(pg_read_binary_file($1, $2::bigint, $3::bigint, true), 'escape'), E'\\n') AS line
   WHERE strpos(line, '"state_code":"28') > 0 AND strpos(line, '"error_severity":"FATAL"') > 0
   LIMIT $4`;

/** What was read at one endpoint; a sentence where that cannot be. */
type Read = { readonly name: string } & (
  | { readonly end: End; readonly from: readonly string[] }
  | { readonly unread: string }
);

/**
 * From where logins with a role were refused since a mark, by the log of each endpoint. What one has seen counts though another
 * cannot be read; where none has seen anything, one that cannot be read makes it unknown.
 *
 * A server that begins two files of its log between two looks has what is in the one between them read by nobody.
 */
export async function refusedEverywhere(
  { config, admin }: { readonly config: PostgresConfig; readonly admin: Admin },
  { identity, mark }: { readonly identity: string; readonly mark: string | null },
  ctx: RotatorContext,
): Promise<RefusedLogins> {
  const since = mark === null ? {} : (JSON.parse(mark) as Mark);
  const work = { action: 'refused logins', ctx, cure: logCure(config) };
  const found = await Promise.all(
    config.endpoints.map(async (endpoint): Promise<Read> => {
      const name = nameOf(endpoint);
      try {
        return await admin.use(endpoint, work, async (session) =>
          readLog(session, { name, identity, begin: since[name] }),
        );
      } catch (error) {
        return { name, unread: isKeyturnError(error) ? error.code : 'no answer' };
      }
    }),
  );
  const read = found.flatMap((each) => ('end' in each ? [each] : []));
  const from = [...new Set(read.flatMap((each) => each.from))];
  const [unread] = found.flatMap((each) => ('unread' in each ? [each] : []));
  if (unread !== undefined && from.length === 0)
    return { kind: 'unknown', reason: `the log of ${unread.name} could not be read (${unread.unread})` };
  const ends = read.map(({ name, end }): [string, End] => {
    // Looked at since, and our own try is still what was before the first mark.
    const { at } = since[name] ?? end;
    return [name, { ...end, at }];
  });
  return { kind: 'known', mark: JSON.stringify({ ...since, ...Object.fromEntries(ends) }), from };
}

/** The endpoints whose logs are read. */
export function logsOf(config: PostgresConfig): readonly Endpoint[] {
  return config.mode !== 'in-place' && config.refusedLogins ? config.endpoints : [];
}

/** What is missing for the log to be read, at the endpoint of this session. */
export async function logFindings(
  session: AdminSession,
  endpoint: string,
  config: PostgresConfig,
): Promise<readonly Finding[]> {
  try {
    const end = await endOf(session);
    if (typeof end !== 'string') return [];
    const cure =
      'Set logging_collector = on, jsonlog in log_destination and log_hostname = off; or leave refusedLogins out.';
    return [{ sentence: `refusedLogins is asked for, and ${endpoint} cannot tell: ${end}`, cure }];
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== '42501') throw error;
    const { username } = config.admin;
    const sentence = `refusedLogins is asked for, and admin ${username} may not read the log of ${endpoint}`;
    return [{ sentence, cure: logCure(config) }];
  }
}

/** What the admin needs to read the log, once in its own database. */
export function logCure({ admin, adminDatabase }: PostgresConfig): string {
  const name = escapeIdentifier(admin.username);
  const functions = 'pg_current_logfile(text), pg_stat_file(text), pg_read_binary_file(text, bigint, bigint, boolean)';
  return `GRANT EXECUTE ON FUNCTION ${functions} TO ${name}; -- in database ${adminDatabase}`;
}

/** *Returns* a sentence where its log tells nothing. */
async function endOf(session: AdminSession): Promise<End | string> {
  const { rows } = await session.query(endQuery);
  const [row] = rows as readonly ({ readonly file: string | null; readonly hostnames: boolean } & Omit<End, 'file'>)[];
  if (row === undefined || row.file === null) return 'it writes no log in JSON';
  if (row.hostnames) return 'it writes names of hosts, not addresses (log_hostname)';
  return { file: row.file, size: row.size, at: row.at };
}

async function readLog(
  session: AdminSession,
  { name, identity, begin }: { readonly name: string; readonly identity: string; readonly begin: End | undefined },
): Promise<Read> {
  const end = await endOf(session);
  if (typeof end === 'string') return { name, unread: end };
  if (begin === undefined) return { name, end, from: [] };
  // Over the end of one file into the next, where the server has begun one since.
  const parts =
    begin.file === end.file
      ? [{ file: begin.file, at: begin.size, bytes: end.size - begin.size }]
      : [
          { file: begin.file, at: begin.size, bytes: MOST_BYTES },
          { file: end.file, at: 0, bytes: end.size },
        ];
  const from: string[] = [];
  for (const { file, at, bytes } of parts) {
    if (bytes > MOST_BYTES) return { name, unread: 'it has grown too much since the last look' };
    if (bytes <= 0) continue;
    const { rows } = await session.query(linesQuery, [file, at, bytes, MOST_LINES]);
    const lines = (rows as readonly { readonly line: string }[]).map(({ line }) => line);
    if (lines.length >= MOST_LINES) return { name, unread: 'it tells of too many refused logins to tell them apart' };
    from.push(...lines.flatMap((line) => refusedIn(line, identity, begin.at)));
  }
  return { name, end, from };
}

/** The address in one line of the log, where it tells of a refused login of this role after that time. */
function refusedIn(line: string, identity: string, since: string): readonly string[] {
  const entry = parsed(line);
  if (entry === undefined || entry['user'] !== identity) return [];
  if (entry['state_code'] !== '28000' && entry['state_code'] !== '28P01') return [];
  const { timestamp, remote_host: host } = entry;
  const isOlder = typeof timestamp === 'string' && zoneOf(timestamp) === zoneOf(since) && timestamp <= since;
  // None of a socket on the same machine.
  return !isOlder && typeof host === 'string' && isIP(host) !== 0 ? [host] : [];
}

/** `CET`: where summer ends an hour comes twice, and what is of another zone is taken for newer. */
const zoneOf = (timestamp: string): string => timestamp.slice('2026-11-30 13:10:00.123 '.length).toLowerCase();

/** *Returns* undefined for what is no line of JSON; what is in no encoding stays as far as it can be read. */
function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = Buffer.from(
    line.replace(/\\(\\|[0-7]{3})/g, (_, code: string) =>
      code === '\\' ? '\\' : String.fromCharCode(Number.parseInt(code, 8)),
    ),
    'latin1',
  );
  try {
    return JSON.parse(bytes.toString('utf8')) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
