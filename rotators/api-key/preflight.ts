import type { Credential, Finding } from 'keyturn/rotator';
import type { Call } from './call.js';
import { endpointOf } from './config.js';
import { fullness } from './fullness.js';
import type { Keys } from './keys.js';
import { tryKey } from './trial.js';

/** What would make a rotation fail later: no room for another key, or a current key that nobody could destroy. */
export async function preflight(keys: Keys, current: Credential | null, call: Call): Promise<readonly Finding[]> {
  const { config, provider } = keys;
  const { list } = config.requests;
  if (list === undefined) return [];
  const listed = await keys.listed(call, 'shown');
  const findings: Finding[] = [];
  // What this rotation has made itself goes before it makes another.
  const left = listed.filter(
    ({ live, tag }) => live && !(tag.kind === 'ours' && tag.rotationId === call.ctx.rotationId),
  );
  if (config.maximum !== undefined && left.length >= config.maximum) {
    const { finding, cure } = fullness(config.maximum, left.length);
    findings.push({ sentence: finding, cure });
  }
  if (current !== null && !listed.some(({ identity }) => identity === current.identity)) {
    const answers = await tryKey(provider, config, { credential: current, call });
    // Refused it is gone, as it should be; accepted it would live on, and be told to have been destroyed.
    if (answers.some(({ answer }) => answer === 'accepted')) {
      findings.push({
        sentence: `the current key is accepted, and ${endpointOf(config)} lists none with the id that stands beside it`,
        cure: 'Put the credential again with the id that the provider gives this key, or check the account in `principal`.',
      });
    }
  }
  return findings;
}
