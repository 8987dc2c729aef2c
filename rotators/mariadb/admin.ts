import { setTimeout as delay } from 'node:timers/promises';
import type { RotatorContext } from 'keyturn/rotator';
import { schemaCure } from './accounts.js';
import { type Endpoint, type MariadbConfig, nameOf } from './config.js';
import { faultError } from './faults.js';
import { type Login, type Row, type Session, openSession } from './session.js';

/** What is being done by whom: for the deadline and for the sentence of an error. */
export interface Work {
  readonly config: MariadbConfig;
  readonly action: string;
  readonly ctx: RotatorContext;
}

/** A session of the admin at one endpoint. */
export interface AdminSession extends Session {
  readonly endpoint: Endpoint;
  /** Runs a statement that changes something: not after the abort, and with an outcome that is unknown until it answers. */
  readonly change: (text: string, values?: readonly string[]) => Promise<readonly Row[]>;
}

/** Opens a session of the admin for one piece of work. See {@link asLogin}. */
export async function asAdmin<T>(
  endpoint: Endpoint,
  work: Work,
  act: (session: AdminSession) => Promise<T>,
): Promise<T> {
  return asLogin({ endpoint, ...work.config.admin }, work, act);
}

/** Opens a session for one piece of work, and ends it with that. *Errors*: those of {@link faultError}. */
export async function asLogin<T>(
  { endpoint, username, password }: Omit<Login, 'database'>,
  { config, action, ctx }: Work,
  act: (session: AdminSession) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ctx.deadlineMs)]);
  let isSent = false;
  let session: Session | undefined;
  try {
    const timeoutMs = Math.min(config.connectTimeoutMs, ctx.deadlineMs);
    const login = { endpoint, username, password, database: undefined };
    const opened = await openSession(login, ctx, { signal, timeoutMs });
    session = opened;
    // A statement whose answer nobody waits for any more is not to wait for a lock. Seconds.
    await opened.query(`SET SESSION max_statement_time = ${ctx.deadlineMs / 1_000}`);
    const change: AdminSession['change'] = async (text, values) => {
      // A process that was paused finds the answer it waited for before it finds that its time is over. A timer of its
      // own is heard after those that were due before it, so nothing is sent behind the back of the next executor.
      await delay(1);
      signal.throwIfAborted();
      isSent = true;
      const answer = await opened.query(text, values);
      isSent = false;
      return answer;
    };
    const answer = await act({ ...opened, endpoint, change });
    await opened.end();
    return answer;
  } catch (error) {
    session?.destroy();
    const cures = { cure: adminCure(config), schemaCure: schemaCure(config) };
    const doing = {
      endpoint: nameOf(endpoint),
      secret: ctx.secret,
      action,
      ...cures,
      signal,
      isSent,
      isLoggedIn: session !== undefined,
    };
    throw faultError(error, { ...doing, deadlineMs: ctx.deadlineMs });
  }
}

/** The SQL that gives the admin what it needs. */
export function adminCure({ admin, role, schema }: MariadbConfig): string {
  const who = `'${admin.username}'@'%'`;
  return [
    `GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO ${who};`,
    `GRANT SELECT ON mysql.* TO ${who};`,
    `GRANT SELECT, INSERT, DELETE ON ${schema}.* TO ${who};`,
    `GRANT \`${role}\` TO ${who} WITH ADMIN OPTION;`,
  ].join(' ');
}
