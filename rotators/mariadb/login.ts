import type { Credential, EndpointAnswer, RotatorContext } from 'keyturn/rotator';
import { readAccount } from './accounts.js';
import { asAdmin } from './admin.js';
import { type Endpoint, type MariadbConfig, nameOf } from './config.js';
import { type Fault, serverSaid, sortFault } from './faults.js';
import { type Session, openSession } from './session.js';

/** Logs in anew at every endpoint, all at once. Whatever is not a clear answer of the server is `unknown`. */
export async function probeEverywhere(
  config: MariadbConfig,
  credential: Credential,
  ctx: RotatorContext,
): Promise<readonly EndpointAnswer[]> {
  return Promise.all(
    config.endpoints.map(async (endpoint) => {
      const answer = await attempt({ config, endpoint, credential, ctx }, undefined, async () => ({
        answer: 'accepted',
      }));
      if (answer.answer !== 'refused') return answer;
      // To a client a missing account looks like a wrong password. The admin can tell; where it cannot, refused is true.
      if (!(await isAbsent({ config, endpoint, credential, ctx }))) return answer;
      return { endpoint: answer.endpoint, answer: 'absent', reason: 'there is no such account' };
    }),
  );
}

/** Logs in anew at every endpoint as a consumer would. An account that does not act as the role is `refused`. */
export async function verifyEverywhere(
  config: MariadbConfig,
  credential: Credential,
  ctx: RotatorContext,
): Promise<readonly EndpointAnswer[]> {
  return Promise.all(
    config.endpoints.map(async (endpoint) =>
      attempt({ config, endpoint, credential, ctx }, config.database, async (session) => {
        const [row] = await session.query('SELECT current_role() AS acts_as');
        if (row?.['acts_as'] === config.role) return { answer: 'accepted' };
        return { answer: 'refused', reason: `it does not act as the role ${config.role}` };
      }),
    ),
  );
}

interface Attempt {
  readonly config: MariadbConfig;
  readonly endpoint: Endpoint;
  readonly credential: Credential;
  readonly ctx: RotatorContext;
}

async function attempt(
  { config, endpoint, credential, ctx }: Attempt,
  database: string | undefined,
  use: (session: Session) => Promise<Omit<EndpointAnswer, 'endpoint'>>,
): Promise<EndpointAnswer> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ctx.deadlineMs)]);
  const login = { endpoint, username: credential.identity, password: credential.value, database };
  let session: Session | undefined;
  try {
    const timeoutMs = Math.min(config.connectTimeoutMs, ctx.deadlineMs);
    session = await openSession(login, ctx, { signal, timeoutMs });
    const answer = await use(session);
    await session.end();
    return { endpoint: nameOf(endpoint), ...answer };
  } catch (error) {
    const fault = sortFault(error);
    const isLoggingIn = session === undefined;
    const reason = reasonFor(fault, error, database);
    if (isLoggingIn && fault === 'login-refused') return { endpoint: nameOf(endpoint), answer: 'refused', reason };
    // The password was accepted by then, and a consumer is turned away all the same.
    const isTurnedAway = isLoggingIn && (fault === 'privilege' || fault === 'no-schema');
    return { endpoint: nameOf(endpoint), answer: isTurnedAway ? 'refused' : 'unknown', reason };
  } finally {
    session?.destroy();
  }
}

function reasonFor(fault: Fault, error: unknown, database: string | undefined): string {
  const said = serverSaid(error);
  const code = said === undefined ? '' : ` (${said.number})`;
  switch (fault) {
    case 'login-refused':
      return said?.number === 4151 ? `the account is locked${code}` : `the password was refused${code}`;
    case 'privilege':
    case 'no-schema':
      return `the password was accepted, but the account may not use the database ${database ?? '?'}${code}`;
    case 'identity':
      return 'the server did not prove itself by TLS';
    case 'busy':
    case 'crowded':
    case 'value':
    case 'wants-passwords':
    case 'line':
    case 'other':
      return said === undefined ? 'no answer' : `the server was not able to answer${code}`;
    default:
      return fault satisfies never;
  }
}

/** Never throws: without an answer of the admin, nothing is known to be absent. */
async function isAbsent({ config, endpoint, credential, ctx }: Attempt): Promise<boolean> {
  try {
    return await asAdmin(
      endpoint,
      { config, action: 'probe', ctx },
      async (session) => (await readAccount(session, config, credential.identity)).hosts.length === 0,
    );
  } catch {
    return false;
  }
}
