import { type RotatorContext, type Usage, isKeyturnError } from 'keyturn/rotator';
import { asAdmin } from './admin.js';
import { type Endpoint, type RedisConfig, nameOf } from './config.js';
import type { Session } from './session.js';

/** Counts the sessions of an account over all endpoints. One that cannot be asked makes it unknown. */
export async function usageEverywhere(config: RedisConfig, identity: string, ctx: RotatorContext): Promise<Usage> {
  const found = await Promise.all(config.endpoints.map(async (endpoint) => usageAt(endpoint)));
  const unknown = found.find((each) => !Array.isArray(each));
  if (unknown !== undefined) return unknown as Usage; // The lists are known to be known.
  const ages = found.flatMap((each) => each as readonly number[]);
  return {
    kind: 'known',
    sessions: ages.length,
    youngestAgeMs: ages.length === 0 ? null : Math.min(...ages),
    oldestAgeMs: ages.length === 0 ? null : Math.max(...ages),
  };

  async function usageAt(endpoint: Endpoint): Promise<readonly number[] | Usage> {
    try {
      return await asAdmin(endpoint, { config, action: 'usage', ctx }, async (session) => agesOf(session, identity));
    } catch (error) {
      const code = isKeyturnError(error) ? error.code : 'no answer';
      return { kind: 'unknown', reason: `${nameOf(endpoint)} could not be asked (${code})` };
    }
  }
}

/** How old each session of the account is, by the clock of the server, which tells whole seconds. Milliseconds. */
async function agesOf(session: Session, identity: string): Promise<readonly number[]> {
  const text = await session.call('CLIENT', 'LIST');
  if (typeof text !== 'string') throw new TypeError('CLIENT LIST did not answer with text');
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    if (!fields.includes(`user=${identity}`)) return [];
    const seconds = Number(fields.find((field) => field.startsWith('age='))?.slice('age='.length));
    if (!Number.isFinite(seconds)) throw new TypeError('CLIENT LIST does not tell an age');
    return [seconds * 1_000];
  });
}
