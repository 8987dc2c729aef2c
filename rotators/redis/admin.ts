import { setTimeout as delay } from 'node:timers/promises';
import type { RotatorContext } from 'keyturn/rotator';
import { type Endpoint, type RedisConfig, nameOf } from './config.js';
import { faultError } from './faults.js';
import { type Session, openSession } from './session.js';

/** What is being done by whom: for the deadline and for the sentence of an error. */
export interface Work {
  readonly config: RedisConfig;
  readonly action: string;
  readonly ctx: RotatorContext;
}

/** A session of the admin at one endpoint. */
export interface AdminSession extends Session {
  readonly endpoint: Endpoint;
  /** Sends a command that changes something: not after the abort, and with an outcome that is unknown until it answers. */
  readonly change: (command: string, ...words: readonly string[]) => Promise<unknown>;
}

/** Opens a session of the admin for one piece of work, and ends it with that. *Errors*: those of {@link faultError}. */
export async function asAdmin<T>(
  endpoint: Endpoint,
  { config, action, ctx }: Work,
  act: (session: AdminSession) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ctx.deadlineMs)]);
  let isSent = false;
  let session: Session | undefined;
  try {
    const login = { endpoint, username: config.admin.username, password: config.admin.password };
    const opened = await openSession(login, signal, Math.min(config.connectTimeoutMs, ctx.deadlineMs));
    session = opened;
    const change: AdminSession['change'] = async (command, ...words) => {
      // A process that was paused finds the answer it waited for before it finds that its time is over. A timer of its
      // own is heard after those that were due before it, so nothing is sent behind the back of the next executor.
      await delay(1);
      signal.throwIfAborted();
      isSent = true;
      const answer = await opened.call(command, ...words);
      isSent = false;
      return answer;
    };
    const answer = await act({ ...opened, endpoint, change });
    await opened.end();
    return answer;
  } catch (error) {
    session?.destroy();
    const { secret } = ctx;
    const doing = { endpoint: nameOf(endpoint), secret, action, cure: adminCure(config), signal, isSent };
    throw faultError(error, { ...doing, deadlineMs: ctx.deadlineMs });
  }
}

/** Does the same at every endpoint, all at once, and waits for all of them even where one fails. */
export async function atEveryEndpoint<T>(
  work: Work,
  act: (session: AdminSession) => Promise<T>,
): Promise<readonly T[]> {
  const outcomes = await Promise.allSettled(
    work.config.endpoints.map(async (endpoint) => asAdmin(endpoint, work, act)),
  );
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

/** The command that gives the admin what it needs. */
export function adminCure({ admin }: Pick<RedisConfig, 'admin'>): string {
  return `ACL SETUSER ${admin.username} +acl +client|list +client|kill +config|get +time`;
}
