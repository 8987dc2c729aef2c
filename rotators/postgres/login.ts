import { type Credential, type EndpointAnswer, type RotatorContext } from 'keyturn/rotator';
import type { Admin } from './admin.js';
import { type Endpoint, type PostgresConfig, nameOf, primaryOf } from './config.js';
import { type Fault, serverSaid, sortFault } from './faults.js';
import { type Session, openSession, whileListening } from './session.js';

/** Logs in anew at every endpoint, all at once. Whatever is not a clear answer of the server is `unknown`. */
export async function probeEverywhere(
  config: PostgresConfig,
  admin: Admin,
  credential: Credential,
  ctx: RotatorContext,
): Promise<readonly EndpointAnswer[]> {
  const attempts = await atEveryEndpoint(config, credential, ctx, async () => undefined);
  const answers = attempts.map(({ cannotConnect: _, ...each }): EndpointAnswer => each);
  if (!answers.some(({ answer }) => answer === 'refused')) return answers;
  // To a client a missing role looks like a wrong password. The admin can tell; where it cannot, refused is true too.
  if (!(await isAbsent(config, admin, credential.identity, ctx))) return answers;
  return answers.map((each) =>
    each.answer === 'refused' ? { ...each, answer: 'absent', reason: 'there is no such role' } : each,
  );
}

/**
 * Logs in anew at every endpoint and uses the session as a consumer would. A login that lacks what a consumer needs is
 * `refused`, with what it lacks.
 */
export async function verifyEverywhere(
  config: PostgresConfig,
  credential: Credential,
  ctx: RotatorContext,
): Promise<readonly EndpointAnswer[]> {
  const answers = await atEveryEndpoint(config, credential, ctx, async (session) => lackOf(session, config));
  return answers.map(({ cannotConnect, ...each }) => (cannotConnect ? { ...each, answer: 'refused' } : each));
}

/** What a consumer would miss in this session; undefined where nothing. */
async function lackOf(session: Session, config: PostgresConfig): Promise<string | undefined> {
  const { rows } = await session.query('SELECT current_user::text AS acts_as');
  if (config.mode === 'in-place' || rows[0]?.['acts_as'] === config.owner) return undefined;
  return `it acts as ${String(rows[0]?.['acts_as'])}, not as the owner ${config.owner}`;
}

type Attempt = EndpointAnswer & { readonly cannotConnect: boolean };

async function atEveryEndpoint(
  config: PostgresConfig,
  credential: Credential,
  ctx: RotatorContext,
  use: (session: Session) => Promise<string | undefined>,
): Promise<readonly Attempt[]> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ctx.deadlineMs)]);
  return Promise.all(
    config.endpoints.map(async (endpoint) => attempt({ config, endpoint, credential, signal, ctx }, use)),
  );
}

interface AttemptOf {
  readonly config: PostgresConfig;
  readonly endpoint: Endpoint;
  readonly credential: Credential;
  readonly signal: AbortSignal;
  readonly ctx: RotatorContext;
}

async function attempt(
  { config, endpoint, credential, signal, ctx }: AttemptOf,
  use: (session: Session) => Promise<string | undefined>,
): Promise<Attempt> {
  const name = nameOf(endpoint);
  const login = {
    endpoint,
    user: credential.identity,
    password: credential.value,
    database: endpoint.database ?? config.database,
    onlyCatalog: false,
  };
  let session: Session | undefined;
  try {
    const opened = await openSession(login, signal, Math.min(config.connectTimeoutMs, ctx.deadlineMs));
    session = opened;
    if (!opened.askedForPassword) {
      const reason = 'the server asked for no password: pg_hba.conf trusts us, and a login proves nothing';
      return { endpoint: name, answer: 'unknown', reason, cannotConnect: false };
    }
    const lack = await whileListening(signal, opened.destroy, async () => use(opened));
    if (lack !== undefined) return { endpoint: name, answer: 'refused', reason: lack, cannotConnect: false };
    return { endpoint: name, answer: 'accepted', cannotConnect: false };
  } catch (error) {
    const fault = sortFault(error);
    const answer = fault === 'login-refused' ? 'refused' : 'unknown';
    return { endpoint: name, answer, reason: reasonFor(fault, error), cannotConnect: fault === 'not-let-through' };
  } finally {
    // Nobody waits for the goodbye: what was asked has been answered.
    void session?.end();
  }
}

function reasonFor(fault: Fault, error: unknown): string {
  const said = serverSaid(error);
  const code = said === undefined ? '' : ` (${said.sqlState})`;
  switch (fault) {
    case 'login-refused':
      if (said?.routine === 'InitializeSessionUserId') return `the role may not log in${code}`;
      return `the password was refused${code}`;
    case 'not-let-through':
      return `the password was accepted, but the database does not let the role in${code}`;
    case 'identity':
      return 'the server did not prove itself by TLS';
    case 'privilege':
    case 'busy':
    case 'value':
    case 'timeout':
    case 'crowded':
    case 'line':
    case 'other':
      return said === undefined ? 'no answer' : `the server was not able to answer${code}`;
    default:
      return fault satisfies never;
  }
}

/** Never throws: without an answer of the admin, nothing is known to be absent. */
async function isAbsent(config: PostgresConfig, admin: Admin, identity: string, ctx: RotatorContext): Promise<boolean> {
  try {
    return await admin.use(primaryOf(config), { action: 'probe', ctx, cure: '' }, async (session) => {
      const { rows } = await session.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [identity]);
      return rows.length === 0;
    });
  } catch {
    return false;
  }
}
