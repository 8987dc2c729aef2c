import { parseCredential } from '../core/credential.js';
import { isKeyturnError } from '../core/errors.js';
import { whereAnswered } from '../core/observation.js';
import type { Plan } from '../core/plan.js';
import type { Bound, Scope, StorePort, TargetPort } from '../ports/step-ports.js';

/**
 * Reads what `current` names and logs in with it, as a consumer would. It changes nothing: with a store that refuses
 * the writes of an executor that lost its lease, a label that is wrong was put there by somebody else.
 *
 * *Returns* what is wrong, without values; null where all is well, there is no version, or nobody could say.
 */
export async function auditAlias(
  plan: Plan,
  ports: { readonly store: Bound<StorePort>; readonly target: Bound<TargetPort> },
  signal: AbortSignal,
): Promise<string | null> {
  const scope: Scope = {
    plan,
    step: 'alias-audit',
    attempt: 1,
    // It reads only; a fence this old would be refused everywhere.
    fence: { era: 0, epoch: 0, known: true },
    nowMs: 0,
    signal,
    deadlineMs: 10_000,
  };
  try {
    const stored = await ports.store.read(scope, 'current');
    if (stored === null) return null;
    const credential = parseCredential(stored.value, plan.fields, plan.path);
    const answers = await ports.target.probe(scope, credential);
    const refused = whereAnswered(answers, 'refused', 'absent');
    return refused === undefined
      ? null
      : `version ${stored.version}, named by current, is refused at ${refused.endpoint}`;
  } catch (thrown) {
    if (isKeyturnError(thrown) && thrown.class !== 'retry') return thrown.code;
    return null;
  }
}
