import { type RotatorContext, type Usage, isKeyturnError } from 'keyturn/rotator';
import { asAdmin } from './admin.js';
import { type Endpoint, type MariadbConfig, nameOf } from './config.js';

/**
 * Inputs: the account. Its sessions at this server. MariaDB does not tell when a session began but since when it does
 * what it does now, which is later: a session in use counts as one just opened. That errs on the side of waiting.
 */
const sessionsQuery = 'SELECT id, time_ms FROM information_schema.processlist WHERE BINARY user = ?';

/** Counts the sessions of an account over all endpoints. One that cannot be asked makes it unknown. */
export async function usageEverywhere(config: MariadbConfig, identity: string, ctx: RotatorContext): Promise<Usage> {
  const ages: number[] = [];
  const unknown = (await Promise.all(config.endpoints.map(async (endpoint) => look(endpoint)))).find(
    (reason) => reason !== undefined,
  );
  if (unknown !== undefined) return { kind: 'unknown', reason: unknown };
  return {
    kind: 'known',
    sessions: ages.length,
    youngestAgeMs: ages.length === 0 ? null : Math.min(...ages),
    oldestAgeMs: ages.length === 0 ? null : Math.max(...ages),
  };

  /** *Returns* why it could not be asked. */
  async function look(endpoint: Endpoint): Promise<string | undefined> {
    try {
      const seesAll = await asAdmin(endpoint, { config, action: 'usage', ctx }, async (session) => {
        // Without the privilege PROCESS the list is not refused: it shows one's own sessions only.
        const granted = await session.query(processQuery);
        const rows = await session.query(sessionsQuery, [identity]);
        ages.push(...rows.map((row) => Math.max(0, Number(row['time_ms']))));
        return granted.length > 0;
      });
      return seesAll ? undefined : `${nameOf(endpoint)} does not show us the sessions of others: GRANT PROCESS`;
    } catch (error) {
      const code = isKeyturnError(error) ? error.code : 'no answer';
      return `${nameOf(endpoint)} could not be asked (${code})`;
    }
  }
}

/** One row where we may see the sessions of others; none where not. */
export const processQuery = `
  SELECT 1 FROM information_schema.user_privileges
   WHERE privilege_type = 'PROCESS' AND grantee = concat('''', replace(current_user(), '@', '''@'''), '''')`;

/**
 * Inputs: the account. One row: `sessions` of it here, and whether this server knows already that it is locked or gone; a
 * replica learns later.
 */
const lockedQuery = `
  SELECT count(*) AS open FROM mysql.global_priv
   WHERE BINARY user = ? AND coalesce(json_value(priv, '$.account_locked'), 0) <> 1`;

/**
 * Ends every session of an account on every endpoint, and looks again until a server that already refuses the account
 * shows none. The account must have been locked or dropped before. *Returns* how many were ended.
 */
export async function endSessions(config: MariadbConfig, identity: string, ctx: RotatorContext): Promise<number> {
  const counts = await Promise.all(
    config.endpoints.map(async (endpoint) =>
      asAdmin(endpoint, { config, action: 'end sessions', ctx }, async (session) => {
        const ended = new Set<string>();
        for (;;) {
          const [known] = await session.query(lockedQuery, [identity]);
          const rows = await session.query(sessionsQuery, [identity]);
          if (rows.length === 0 && Number(known?.['open']) === 0) return ended.size;
          for (const { id } of rows) {
            ended.add(String(id));
            // It may have ended meanwhile (1094), which is what was wanted.
            await session.change(`KILL CONNECTION ${Number(id)}`).catch((error: unknown) => {
              if (!(error instanceof Error && 'errno' in error && error.errno === 1094)) throw error;
            });
          }
          await session.query('DO sleep(0.02)');
        }
      }),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
