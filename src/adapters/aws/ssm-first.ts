import type { Secret } from '../../core/secret.js';
import { keyturnError } from '../../core/errors.js';
import type { Scope } from '../../ports/step-ports.js';
import { SsmCalls, type SsmParts } from './ssm-calls.js';
import { refuseUnfit } from './ssm-value.js';

/**
 * Puts the first version of a secret by a person and labels it `current`. No rotation of it is open: the caller has
 * made sure. Two people at the same moment make two versions, of which the later is current.
 *
 * *Errors* `VERSION_EXISTS` where there is a current one, `VALUE_UNFIT`; those of writes.
 */
export async function ssmPutFirst(parts: SsmParts, scope: Scope, value: Secret): Promise<number> {
  refuseUnfit(scope, value);
  const calls = new SsmCalls(parts);
  const entries = await calls.history(scope);
  const current = entries.find(({ labels }) => labels.includes('current'));
  if (current !== undefined) {
    const { path, environment } = scope.plan;
    throw keyturnError('VERSION_EXISTS', { secret: path, environment, version: current.version });
  }
  const version = await calls.put(scope, value, entries.at(-1)?.description ?? '');
  await calls.label(scope, { version, labels: ['current'], remove: false });
  return version;
}
