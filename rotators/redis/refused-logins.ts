import { type RefusedLogins, type RotatorContext, isKeyturnError } from 'keyturn/rotator';
import { asAdmin } from './admin.js';
import { type RedisConfig, nameOf } from './config.js';

/** The clock of each endpoint, by its name, when the mark was made. Milliseconds since 1970. */
type Mark = Readonly<Record<string, number>>;

/**
 * From where logins with this account were refused since a mark, by the servers' own logs (`ACL LOG`), which keep the last
 * 128 entries unless they are told otherwise. Tries of one account within a minute are one entry, with the address of the
 * newest: who hides another's tries behind his own is seen himself, and the other with his next.
 */
export async function refusalsEverywhere(
  config: RedisConfig,
  { identity, mark }: { readonly identity: string; readonly mark: string | null },
  ctx: RotatorContext,
): Promise<RefusedLogins> {
  const since = mark === null ? null : (JSON.parse(mark) as Mark);
  try {
    const found = await Promise.all(
      config.endpoints.map(async (endpoint) =>
        asAdmin(endpoint, { config, action: 'refused logins', ctx }, async (session) => {
          // Sent together, so that the ages in the log are of this time: to the millisecond, and our own try is older.
          const [log, time] = await Promise.all([session.call('ACL', 'LOG', '1000'), session.call('TIME')]);
          const nowMs = millisecondsOf(time);
          const sinceMs = since?.[nameOf(endpoint)];
          const from = sinceMs === undefined ? [] : refusedSince(log, identity, { sinceMs, nowMs });
          return { name: nameOf(endpoint), nowMs, from };
        }),
      ),
    );
    return {
      kind: 'known',
      mark: JSON.stringify(Object.fromEntries(found.map(({ name, nowMs }) => [name, nowMs]))),
      from: [...new Set(found.flatMap(({ from }) => from))],
    };
  } catch (error) {
    return {
      kind: 'unknown',
      reason: `a server could not be asked (${isKeyturnError(error) ? error.code : 'no answer'})`,
    };
  }
}

function millisecondsOf(time: unknown): number {
  if (!Array.isArray(time)) throw new TypeError('TIME did not answer with a list');
  const [seconds, micros] = time.map(Number);
  return Math.floor((seconds ?? Number.NaN) * 1_000 + (micros ?? Number.NaN) / 1_000);
}

function refusedSince(
  log: unknown,
  identity: string,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): readonly string[] {
  if (!Array.isArray(log)) throw new TypeError('ACL LOG did not answer with a list');
  return log.flatMap((entry) => {
    const fields = fieldsOf(entry);
    if (fields.get('reason') !== 'auth' || fields.get('username') !== identity) return [];
    const atMs = nowMs - Math.round(Number(fields.get('age-seconds')) * 1_000);
    return atMs > sinceMs ? addressIn(String(fields.get('client-info'))) : [];
  });
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
