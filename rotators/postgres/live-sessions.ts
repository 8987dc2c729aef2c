import { type RotatorContext, type Usage, isKeyturnError } from 'keyturn/rotator';
import pg from 'pg';
import type { Admin } from './admin.js';
import { type Endpoint, type PostgresConfig, nameOf } from './config.js';

/**
 * Inputs: the role. Who is logged in with it here, by the server's clock. `visible` counts those whose start we may see;
 * fewer than `sessions` means that a privilege is missing. No role, no sessions: zeros.
 */
const usageQuery = `
  SELECT count(*)::int AS sessions,
         count(backend_start)::int AS visible,
         (extract(epoch FROM clock_timestamp() - max(backend_start)) * 1000)::float8 AS youngest_age_ms,
         (extract(epoch FROM clock_timestamp() - min(backend_start)) * 1000)::float8 AS oldest_age_ms
    FROM pg_stat_activity
   WHERE usename = $1 AND backend_type IS DISTINCT FROM 'parallel worker'`;

/** The sessions of all endpoints: as young as the youngest of any of them. One that cannot tell makes it unknown. */
export function together(all: readonly Usage[]): Usage {
  const unknown = all.find((each) => each.kind === 'unknown');
  if (unknown !== undefined) return unknown;
  const known = all.filter((each) => each.kind === 'known');
  const ages = (of: (each: (typeof known)[number]) => number | null): readonly number[] =>
    known.map(of).filter((age) => age !== null);
  const youngest = ages((each) => each.youngestAgeMs);
  const oldest = ages((each) => each.oldestAgeMs);
  return {
    kind: 'known',
    sessions: known.reduce((sum, each) => sum + each.sessions, 0),
    youngestAgeMs: youngest.length === 0 ? null : Math.min(...youngest),
    oldestAgeMs: oldest.length === 0 ? null : Math.max(...oldest),
  };
}

/** Counts the sessions of a role over all endpoints. One that cannot be asked, or not fully, makes it unknown. */
export async function usageEverywhere(
  config: PostgresConfig,
  admin: Admin,
  identity: string,
  ctx: RotatorContext,
): Promise<Usage> {
  return together(await Promise.all(config.endpoints.map(async (endpoint) => usageAt(endpoint))));

  async function usageAt(endpoint: Endpoint): Promise<Usage> {
    try {
      const row = await admin.use(endpoint, { action: 'usage', ctx, cure: statsCure(config) }, async (session) => {
        const { rows } = await session.query(usageQuery, [identity]);
        return rows[0] as { readonly [column: string]: number | null }; // An aggregate answers one row.
      });
      const { sessions, visible, youngest_age_ms, oldest_age_ms } = row;
      if (sessions !== visible) {
        return {
          kind: 'unknown',
          reason: `${nameOf(endpoint)} does not show us when sessions began: ${statsCure(config)}`,
        };
      }
      // A clock that was set back must not make a session younger than now.
      const age = (ms: number | null | undefined): number | null => (typeof ms === 'number' ? Math.max(0, ms) : null);
      return {
        kind: 'known',
        sessions: sessions ?? 0,
        youngestAgeMs: age(youngest_age_ms),
        oldestAgeMs: age(oldest_age_ms),
      };
    } catch (error) {
      const code = isKeyturnError(error) ? error.code : 'no answer';
      return { kind: 'unknown', reason: `${nameOf(endpoint)} could not be asked (${code})` };
    }
  }
}

/**
 * Inputs: the role, and how long to wait for one session to end (ms). Effect: asks every session of the role to end, and
 * waits. `left` counts those that did not in that time; `can_login` is what this server knows: a standby learns later.
 */
const terminateQuery = `
  SELECT count(*) FILTER (WHERE ended)::int AS ended,
         count(*) FILTER (WHERE NOT ended)::int AS left,
         coalesce((SELECT rolcanlogin FROM pg_roles WHERE rolname = $1), false) AS can_login
    FROM (SELECT pg_terminate_backend(pid, $2) AS ended FROM pg_stat_activity
           WHERE usename = $1 AND backend_type IS DISTINCT FROM 'parallel worker' OFFSET 0) AS sessions`;

/** How long the server waits for one session in one turn. Milliseconds. */
const turnMs = 250;

/**
 * Ends every session of a role on every endpoint, and looks again until a server that already refuses the role shows
 * none. The role must have been switched off before. *Returns* how many were ended.
 *
 * *Errors* `PRIVILEGE_MISSING` where a session may not be ended; the deadline where one does not end.
 */
export async function endSessions(
  config: PostgresConfig,
  admin: Admin,
  identity: string,
  ctx: RotatorContext,
): Promise<number> {
  const cure = `GRANT pg_signal_backend TO ${pg.escapeIdentifier(config.admin.username)};`;
  const counts = await Promise.all(
    config.endpoints.map(async (endpoint) =>
      admin.use(endpoint, { action: 'end sessions', ctx, cure }, async (session) => {
        let ended = 0;
        for (;;) {
          const { rows } = await session.query(terminateQuery, [identity, turnMs]);
          const row = rows[0] as { readonly ended: number; readonly left: number; readonly can_login: boolean };
          ended += row.ended;
          if (row.ended + row.left === 0 && !row.can_login) return ended;
          // A standby that has not heard of the change yet: the server waits for us, and the deadline ends the session.
          if (row.can_login) await session.query('SELECT pg_sleep(0.05)');
        }
      }),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The SQL that lets the admin see when sessions began. */
export function statsCure(config: PostgresConfig): string {
  return `GRANT pg_read_all_stats TO ${pg.escapeIdentifier(config.admin.username)};`;
}
