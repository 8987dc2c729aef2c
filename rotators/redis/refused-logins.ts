import { type RefusedLogins, type RotatorContext, isKeyturnError } from 'keyturn/rotator';
import { type AdminSession, asAdmin } from './admin.js';
import { type RedisConfig, nameOf } from './config.js';

/** The clock of each endpoint, by its name, when the mark was made. Milliseconds since 1970. */
type Mark = Readonly<Record<string, number>>;

/** What was read at one endpoint; a sentence where that tells nothing. */
type Read = { readonly name: string } & (
  | { readonly nowMs: number; readonly from: readonly string[] }
  | { readonly unread: string }
);

/**
 * From where logins with this account were refused since a mark, by the servers' own logs (`ACL LOG`). What one has seen counts
 * though another cannot be asked; where none has seen anything, one that cannot be, or that has not kept all, makes it unknown.
 *
 * Tries of one account within a minute are one entry, with the address of the newest: who goes on trying hides others behind it.
 */
export async function refusedEverywhere(
  config: RedisConfig,
  { identity, mark }: { readonly identity: string; readonly mark: string | null },
  ctx: RotatorContext,
): Promise<RefusedLogins> {
  const since = mark === null ? {} : (JSON.parse(mark) as Mark);
  const found = await Promise.all(
    config.endpoints.map(async (endpoint): Promise<Read> => {
      const name = nameOf(endpoint);
      try {
        return await asAdmin(endpoint, { config, action: 'refused logins', ctx }, async (session) =>
          readLog(session, { name, identity, sinceMs: since[name] }),
        );
      } catch (error) {
        return { name, unread: isKeyturnError(error) ? error.code : 'no answer' };
      }
    }),
  );
  const read = found.flatMap((each) => ('nowMs' in each ? [each] : []));
  const from = [...new Set(read.flatMap((each) => each.from))];
  const [unread] = found.flatMap((each) => ('unread' in each ? [each] : []));
  if (unread !== undefined && from.length === 0)
    return { kind: 'unknown', reason: `the log of ${unread.name} could not be read (${unread.unread})` };
  const times = Object.fromEntries(read.map(({ name, nowMs }) => [name, nowMs]));
  return { kind: 'known', mark: JSON.stringify({ ...since, ...times }), from };
}

async function readLog(
  session: AdminSession,
  {
    name,
    identity,
    sinceMs,
  }: { readonly name: string; readonly identity: string; readonly sinceMs: number | undefined },
): Promise<Read> {
  // Sent together, so that the ages in the log are of this time: to the millisecond, and our own try is older.
  const [log, time, most] = await Promise.all([
    session.call('ACL', 'LOG', '100000'),
    session.call('TIME'),
    session.call('CONFIG', 'GET', 'acllog-max-len'),
  ]);
  if (!Array.isArray(log)) throw new TypeError('ACL LOG did not answer with a list');
  const nowMs = millisecondsOf(time);
  if (sinceMs === undefined) return { name, nowMs, from: [] };
  const entries = log.map((entry) => entryOf(entry, nowMs));
  const newer = entries.filter(({ atMs }) => atMs > sinceMs);
  const from = newer.flatMap((each) => (each.username === identity ? addressIn(each.client) : []));
  // A name and its value.
  const kept: unknown = Array.isArray(most) ? most[1] : undefined;
  const hasForgotten = entries.length >= Number(kept) && newer.length === entries.length;
  if (hasForgotten && from.length === 0) return { name, unread: 'it keeps too few entries (acllog-max-len)' };
  return { name, nowMs, from };
}

function millisecondsOf(time: unknown): number {
  if (!Array.isArray(time)) throw new TypeError('TIME did not answer with a list');
  const [seconds, micros] = time.map(Number);
  return Math.floor((seconds ?? Number.NaN) * 1_000 + (micros ?? Number.NaN) / 1_000);
}

/** A refused login, or a command that was refused, which is told of in the same log. */
function entryOf(
  entry: unknown,
  nowMs: number,
): { readonly atMs: number; readonly username: string; readonly client: string } {
  const fields = fieldsOf(entry);
  return {
    atMs: nowMs - Math.round(Number(fields.get('age-seconds')) * 1_000),
    username: fields.get('reason') === 'auth' ? String(fields.get('username')) : '',
    client: String(fields.get('client-info')),
  };
}

/** An entry is a flat list of names and values. */
function fieldsOf(entry: unknown): ReadonlyMap<string, unknown> {
  const flat: readonly unknown[] = Array.isArray(entry) ? entry : [];
  return new Map(flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1]] as const] : [])));
}

/** `id=3 addr=10.1.2.3:40402 …`, `addr=[::1]:40402`. None of a socket on the same machine. */
function addressIn(client: string): readonly string[] {
  const [, address = ''] = / addr=(\S+):\d+ /.exec(client) ?? [];
  return address === '' || address.startsWith('/') ? [] : [address.replace(/^\[|\]$/g, '')];
}
