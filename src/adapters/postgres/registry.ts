import type pg from 'pg';
import type { RegisteredSecret, Registry } from '../../ports/operations.js';
import { type Session, inTransaction, rowsOf } from './statements.js';

/** A secret's row, as far as the registry answers with it. */
interface Unscheduled {
  readonly secret: string;
  readonly environment: string;
  readonly path: string;
  readonly target: string;
  readonly cron: string;
  readonly timezone: string;
  readonly overdueAfterMs: number;
}

/**
 * Makes the rows of one environment equal to what its configuration declares, in one transaction.
 *
 * Secrets come first, as everywhere: a rotation locks its secret and then its target, and who goes the other way round
 * waits for it in a circle.
 */
export function postgresRegistry(pool: pg.Pool): Registry {
  return {
    declare: ({ environment, secrets, targets, endpoints }) =>
      inTransaction(pool, async (session) => {
        await declareSecrets(session, environment, secrets);
        await declareTargets(session, environment, targets);
        await declareEndpoints(session, environment, endpoints);
        return unscheduled(session, environment);
      }),
    introduce: async ({ secret, environment, path, target, schedule }) =>
      inTransaction(pool, async (session) => {
        // Without a due time: the worker that declares it sets the first one.
        await rowsOf(
          session,
          `INSERT INTO keyturn.secrets (secret, environment, path, target, cron, timezone, overdue_after_ms, declared)
           VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, 86400000), true) ON CONFLICT (secret) DO NOTHING`,
          [
            secret,
            environment,
            path,
            target,
            schedule?.cron ?? null,
            schedule?.timezone ?? null,
            schedule?.overdueAfterMs ?? null,
          ],
        );
      }),
  };
}

// In: [{"target","concurrency"}…]. Effect: these are declared, others are not. What is unchanged is left out before the
// INSERT: ON CONFLICT locks a row even where its WHERE then leaves it alone, and a worker that starts would wait for every
// rotation at work. Sorted, so that workers that start together do not wait for each other in a circle.
async function declareTargets(session: Session, environment: string, targets: readonly object[]): Promise<void> {
  await rowsOf(
    session,
    `INSERT INTO keyturn.targets AS t (environment, target, concurrency, declared)
     SELECT $1, d.target, d.concurrency, true FROM jsonb_to_recordset($2) AS d (target text, concurrency integer)
     WHERE NOT EXISTS (SELECT FROM keyturn.targets k WHERE k.environment = $1 AND k.target = d.target
       AND (k.concurrency, k.declared) IS NOT DISTINCT FROM (d.concurrency, true))
     ORDER BY d.target
     ON CONFLICT (environment, target) DO UPDATE SET concurrency = excluded.concurrency, declared = true
     WHERE (t.concurrency, t.declared) IS DISTINCT FROM (excluded.concurrency, true)`,
    [environment, JSON.stringify(targets)],
  );
  await rowsOf(
    session,
    `UPDATE keyturn.targets SET declared = false, concurrency = NULL WHERE environment = $1 AND declared
     AND target NOT IN (SELECT d.target FROM jsonb_to_recordset($2) AS d (target text))`,
    [environment, JSON.stringify(targets)],
  );
}

// In: [{"name","url","events"}…]. Effect: as above; an endpoint that answered that it is gone, or rests, comes back with
// another URL. Locked in the order of whoever takes webhooks for many of them or writes down how those went.
async function declareEndpoints(session: Session, environment: string, endpoints: readonly object[]): Promise<void> {
  await rowsOf(
    session,
    'SELECT FROM keyturn.webhook_endpoints WHERE environment = $1 ORDER BY name FOR NO KEY UPDATE',
    [environment],
  );
  await rowsOf(
    session,
    `INSERT INTO keyturn.webhook_endpoints AS e (environment, name, url, events)
     SELECT $1, d.name, d.url, d.events FROM jsonb_to_recordset($2) AS d (name text, url text, events text[])
     WHERE NOT EXISTS (SELECT FROM keyturn.webhook_endpoints k WHERE k.environment = $1 AND k.name = d.name AND k.declared
       AND k.url = d.url AND k.events IS NOT DISTINCT FROM d.events)
     ORDER BY d.name
     ON CONFLICT (environment, name) DO UPDATE SET declared = true, url = excluded.url, events = excluded.events,
       gone = e.gone AND e.url = excluded.url,
       failures = CASE WHEN e.url = excluded.url THEN e.failures ELSE 0 END,
       rests_until = CASE WHEN e.url = excluded.url THEN e.rests_until END
     WHERE NOT e.declared OR e.url <> excluded.url OR e.events IS DISTINCT FROM excluded.events`,
    [environment, JSON.stringify(endpoints)],
  );
  await rowsOf(
    session,
    `UPDATE keyturn.webhook_endpoints SET declared = false WHERE environment = $1 AND declared
     AND name NOT IN (SELECT d.name FROM jsonb_to_recordset($2) AS d (name text))`,
    [environment, JSON.stringify(endpoints)],
  );
}

// In: [{"secret","path","target","cron","timezone","overdueAfterMs"}…]. Effect: as above; a changed schedule has no due time until it is
// set, so that it is never due by the old one; another target is something a guard relies on.
async function declareSecrets(
  session: Session,
  environment: string,
  secrets: readonly RegisteredSecret[],
): Promise<void> {
  const declared = JSON.stringify(
    secrets.map(({ secret, path, target, schedule }) => ({
      secret,
      path,
      target,
      cron: schedule?.cron ?? null,
      timezone: schedule?.timezone ?? null,
      overdueAfterMs: schedule?.overdueAfterMs ?? 86_400_000,
    })),
  );
  await rowsOf(
    session,
    `INSERT INTO keyturn.secrets AS s (secret, environment, path, target, cron, timezone, overdue_after_ms, declared)
     SELECT d.secret, $1, d.path, d.target, d.cron, d.timezone, d."overdueAfterMs", true
     FROM jsonb_to_recordset($2)
       AS d (secret text, path text, target text, cron text, timezone text, "overdueAfterMs" double precision)
     WHERE NOT EXISTS (SELECT FROM keyturn.secrets k WHERE k.secret = d.secret
       AND (k.target, k.cron, k.timezone, k.overdue_after_ms, k.declared)
         IS NOT DISTINCT FROM (d.target, d.cron, d.timezone, d."overdueAfterMs", true))
     ORDER BY d.secret
     ON CONFLICT (secret) DO UPDATE SET declared = true, target = excluded.target, cron = excluded.cron, timezone = excluded.timezone,
       next_due_at = CASE WHEN (s.cron, s.timezone) IS DISTINCT FROM (excluded.cron, excluded.timezone) THEN NULL ELSE s.next_due_at END,
       owed_since = CASE WHEN (s.cron, s.timezone) IS DISTINCT FROM (excluded.cron, excluded.timezone) THEN NULL ELSE s.owed_since END,
       overdue_at = CASE WHEN (s.cron, s.timezone) IS DISTINCT FROM (excluded.cron, excluded.timezone) THEN NULL
         WHEN s.overdue_after_ms = excluded.overdue_after_ms THEN s.overdue_at
         ELSE greatest(s.owed_since, s.overdue_told_at) + excluded.overdue_after_ms * interval '1 millisecond' END,
       overdue_after_ms = excluded.overdue_after_ms,
       guard_seq = s.guard_seq + (s.target <> excluded.target)::integer
     WHERE (s.target, s.cron, s.timezone, s.overdue_after_ms, s.declared)
       IS DISTINCT FROM (excluded.target, excluded.cron, excluded.timezone, excluded.overdue_after_ms, true)`,
    [environment, declared],
  );
  await rowsOf(
    session,
    `UPDATE keyturn.secrets SET declared = false, cron = NULL, timezone = NULL, next_due_at = NULL, owed_since = NULL,
       overdue_at = NULL
     WHERE environment = $1 AND declared
     AND secret NOT IN (SELECT d.secret FROM jsonb_to_recordset($2) AS d (secret text))`,
    [environment, declared],
  );
}

/** Those whose schedule is new or has changed, and those whose first due time a worker that died never set. */
async function unscheduled(session: Session, environment: string): Promise<readonly RegisteredSecret[]> {
  const rows = await rowsOf<Unscheduled>(
    session,
    `SELECT secret, environment, path, target, cron, timezone, overdue_after_ms AS "overdueAfterMs" FROM keyturn.secrets
     WHERE environment = $1 AND declared AND cron IS NOT NULL AND next_due_at IS NULL ORDER BY secret`,
    [environment],
  );
  return rows.map(({ cron, timezone, overdueAfterMs, ...rest }) => ({
    ...rest,
    schedule: { cron, timezone, overdueAfterMs },
  }));
}
