import type { RotatorContext } from 'keyturn/rotator';
import { type Endpoint, type PostgresConfig, nameOf } from './config.js';
import { type Doing, faultError, sortFault } from './faults.js';
import { type Session, openSession, whileListening } from './session.js';

/** What an admin session knows of its server, asked once when it is opened. */
export interface Server {
  /** `180004` for 18.4. */
  readonly versionNumber: number;
  /** The cluster's own identifier, which its standbys share and a moved address does not. */
  readonly system: string;
  readonly isStandby: boolean;
  readonly isSuperuser: boolean;
  /** Settings of the log we may turn off for our own statements, as `SET LOCAL …;`; '' where we may not. */
  readonly quietLog: string;
}

/** A session of the admin. */
export interface AdminSession extends Session {
  readonly server: Server;
}

/** What is being done by whom: for the deadline and for the sentence of an error. */
export interface Work {
  readonly action: string;
  readonly ctx: RotatorContext;
  /** The SQL that grants what is missing, should a privilege be. */
  readonly cure: string;
}

/** Idle sessions kept for each endpoint. A rotation asks for one at a time. */
const keptIdle = 2;

/**
 * How long an idle session is kept. Milliseconds. Where the admin's own credential is rotated, a session that is kept is
 * one that still uses the old one.
 */
const keptIdleMs = 5_000;

/** The admin's sessions, by endpoint. Opened when asked for, kept between calls, one call at a time on each. */
export interface Admin {
  /**
   * Lends a session. It goes back only where the work succeeded or failed in a transaction it has ended itself.
   *
   * `committing` answers whether COMMIT may have been sent; see {@link faultError}.
   */
  use<T>(
    endpoint: Endpoint,
    work: Work,
    act: (session: AdminSession) => Promise<T>,
    committing?: () => boolean,
  ): Promise<T>;
  close(): Promise<void>;
}

/** Makes the holder of the admin's sessions. Nothing is opened yet. */
export function createAdmin(config: PostgresConfig): Admin {
  const idle = new Map<Endpoint, AdminSession[]>();
  const forgetting = new WeakMap<AdminSession, NodeJS.Timeout>();
  let isClosed = false;

  const take = (endpoint: Endpoint): AdminSession | undefined => {
    const kept = idle.get(endpoint) ?? [];
    let session = kept.pop();
    while (session?.isEnded() === true) session = kept.pop();
    if (session !== undefined) clearTimeout(forgetting.get(session));
    return session;
  };
  const giveBack = async (endpoint: Endpoint, session: AdminSession): Promise<void> => {
    const kept = idle.get(endpoint) ?? [];
    if (session.isEnded()) return;
    if (isClosed || kept.length >= keptIdle) return session.end();
    idle.set(endpoint, [...kept, session]);
    const forget = (): void => {
      idle.set(
        endpoint,
        (idle.get(endpoint) ?? []).filter((each) => each !== session),
      );
      void session.end().catch(session.destroy);
    };
    forgetting.set(session, setTimeout(forget, keptIdleMs).unref());
  };

  return {
    use: async (endpoint, work, act, committing = () => false) => {
      const { ctx } = work;
      const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ctx.deadlineMs)]);
      const doing: Doing = {
        endpoint: nameOf(endpoint),
        secret: ctx.secret,
        action: work.action,
        cure: work.cure,
        signal,
        deadlineMs: ctx.deadlineMs,
      };
      let session = take(endpoint);
      try {
        // A kept session may have died unnoticed. Asking costs a round trip only where it was idle.
        if (session !== undefined && !(await isAlive(session, signal))) session = undefined;
        session ??= await openAdmin(config, endpoint, signal, ctx.deadlineMs);
        const lent = session;
        const answer = await whileListening(signal, lent.destroy, async () => act(lent));
        await giveBack(endpoint, lent);
        return answer;
      } catch (error) {
        const sorted = faultError(error, doing, committing());
        if (session !== undefined) await giveBackAfter(session, sorted !== error, async (s) => giveBack(endpoint, s));
        throw sorted;
      }
    },
    close: async () => {
      isClosed = true;
      const all = [...idle.values()].flat();
      idle.clear();
      await Promise.all(all.map(async (session) => session.end()));
    },
  };
}

/** An error of ours was thrown between statements: the transaction is ended and the session is good. Others cut it. */
async function giveBackAfter(
  session: AdminSession,
  isFault: boolean,
  giveBack: (session: AdminSession) => Promise<void>,
): Promise<void> {
  if (isFault || session.isEnded()) return session.destroy();
  try {
    await session.script('ROLLBACK');
    await giveBack(session);
  } catch {
    session.destroy();
  }
}

async function isAlive(session: AdminSession, signal: AbortSignal): Promise<boolean> {
  try {
    await whileListening(signal, session.destroy, async () => session.script(''));
    return true;
  } catch (error) {
    session.destroy();
    signal.throwIfAborted();
    if (sortFault(error) === 'line') return false;
    throw error;
  }
}

/**
 * Inputs: none. Answers what {@link Server} says of the server and of the admin's rights, in one row.
 * Settings of the log belong to superusers unless SET on them was granted.
 */
const serverQuery = `
  SELECT current_setting('server_version_num')::int AS version_number,
         (SELECT system_identifier::text FROM pg_control_system()) AS system,
         pg_is_in_recovery() AS is_standby,
         (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
         array(SELECT name FROM unnest($1::text[]) AS name
                WHERE has_parameter_privilege(current_user, name, 'SET')) AS settable`;

/** What keeps a statement of ours out of the server's log, even where it fails. */
const quietSettings: Readonly<Record<string, string>> = {
  log_statement: "'none'",
  log_min_error_statement: "'panic'",
  log_min_duration_statement: '-1',
};

async function openAdmin(
  config: PostgresConfig,
  endpoint: Endpoint,
  signal: AbortSignal,
  deadlineMs: number,
): Promise<AdminSession> {
  const login = {
    endpoint,
    user: config.admin.username,
    password: config.admin.password,
    database: config.adminDatabase,
    onlyCatalog: true,
  };
  const session = await openSession(login, signal, Math.min(config.connectTimeoutMs, deadlineMs));
  const { rows } = await whileListening(signal, session.destroy, async () =>
    session.query(serverQuery, [Object.keys(quietSettings)]),
  );
  // The query answers exactly this row.
  const row = rows[0] as {
    readonly version_number: number;
    readonly system: string;
    readonly is_standby: boolean;
    readonly is_superuser: boolean;
    readonly settable: readonly string[];
  };
  return {
    ...session,
    server: {
      versionNumber: row.version_number,
      system: row.system,
      isStandby: row.is_standby,
      isSuperuser: row.is_superuser,
      quietLog: row.settable.map((name) => `SET LOCAL ${name} = ${quietSettings[name]};`).join(' '),
    },
  };
}
