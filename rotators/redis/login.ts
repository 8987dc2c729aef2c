import type { Credential, EndpointAnswer, RotatorContext } from 'keyturn/rotator';
import { readAccounts } from './accounts.js';
import { asAdmin } from './admin.js';
import { type Endpoint, type RedisConfig, nameOf } from './config.js';
import { type Fault, serverSaid, sortFault } from './faults.js';
import { type Session, openSession } from './session.js';

/** Logs in anew at every endpoint, all at once. Whatever is not a clear answer of the server is `unknown`. */
export async function probeEverywhere(
  config: RedisConfig,
  credential: Credential,
  ctx: RotatorContext,
): Promise<readonly EndpointAnswer[]> {
  return Promise.all(
    config.endpoints.map(async (endpoint) => {
      const answer = await attempt({ config, endpoint, credential, ctx }, async () => ({ answer: 'accepted' }));
      if (answer.answer !== 'refused') return answer;
      // To a client a missing account looks like a wrong password. The admin can tell; where it cannot, refused is true.
      if (!(await isAbsent({ config, endpoint, credential, ctx }))) return answer;
      return { endpoint: answer.endpoint, answer: 'absent', reason: 'there is no such account' };
    }),
  );
}

/** Logs in anew at every endpoint and does there what a consumer does first. An account that may not is `refused`. */
export async function verifyEverywhere(
  config: RedisConfig,
  credential: Credential,
  ctx: RotatorContext,
): Promise<readonly EndpointAnswer[]> {
  const [command = 'PING', ...words] = config.check;
  return Promise.all(
    config.endpoints.map(async (endpoint) =>
      attempt({ config, endpoint, credential, ctx }, async (session) => {
        try {
          await session.call(command, ...words);
          return { answer: 'accepted' };
        } catch (error) {
          if (sortFault(error) !== 'privilege') throw error;
          return { answer: 'refused', reason: `the password was accepted, but ${command} is not allowed by the rules` };
        }
      }),
    ),
  );
}

interface Attempt {
  readonly config: RedisConfig;
  readonly endpoint: Endpoint;
  readonly credential: Credential;
  readonly ctx: RotatorContext;
}

async function attempt(
  { config, endpoint, credential, ctx }: Attempt,
  use: (session: Session) => Promise<Omit<EndpointAnswer, 'endpoint'>>,
): Promise<EndpointAnswer> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ctx.deadlineMs)]);
  const login = { endpoint, username: credential.identity, password: credential.value };
  let session: Session | undefined;
  try {
    session = await openSession(login, signal, Math.min(config.connectTimeoutMs, ctx.deadlineMs));
    const answer = await use(session);
    await session.end();
    return { endpoint: nameOf(endpoint), ...answer };
  } catch (error) {
    const fault = sortFault(error);
    const answer = fault === 'login-refused' && session === undefined ? 'refused' : 'unknown';
    return { endpoint: nameOf(endpoint), answer, reason: reasonFor(fault, error) };
  } finally {
    session?.destroy();
  }
}

function reasonFor(fault: Fault, error: unknown): string {
  switch (fault) {
    case 'login-refused':
      return 'the password was refused, or the account is off';
    case 'identity':
      return 'the server did not prove itself by TLS';
    case 'privilege':
    case 'busy':
    case 'crowded':
    case 'rule':
    case 'no-file':
    case 'unsaved':
    case 'line':
    case 'other': {
      const said = serverSaid(error);
      return said === undefined ? 'no answer' : `the server was not able to answer (${said.word})`;
    }
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
      async (session) => !(await readAccounts(session)).has(credential.identity),
    );
  } catch {
    return false;
  }
}
