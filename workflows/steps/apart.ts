import { type OldCredential, type Plan, keyturnError } from 'keyturn/workflow';
import type { Created } from './create.js';

/**
 * Refuses to take away the old credential where the new one has its identity: a provider that gives the key it had another
 * value, or a definition that reads the identity where something else stands. Whatever ends the one would end the other,
 * which applications work with by now. It is looked at here and not when it was made: a provider that gave the old key
 * another value has turned it away by then, and only the promotion puts applications back to work.
 *
 * *Errors* `PRINCIPAL_IN_USE`
 */
export function assertApart(plan: Plan, old: OldCredential, { identity }: Created): void {
  if (identity !== old.identity) return;
  const cure = `make the target \`${plan.target}\` say another identity of each credential it makes; it said that of the old one again.`;
  throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, target: plan.target, cure });
}
