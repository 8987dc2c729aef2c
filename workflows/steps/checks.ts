import { type CheckFact, type Plan, type Steps, ask, checkFactsAfter } from 'keyturn/workflow';

/**
 * Asks the checks, from the first look on at which everybody who goes first has proved: before that what they say is not
 * about the new credential. After that always: one that was killed by it proves nothing more, and its errors still count.
 */
export function* lookAtChecks(
  plan: Plan,
  isTried: boolean,
  at: { readonly previous: readonly CheckFact[]; readonly atMs: number },
): Steps<readonly CheckFact[]> {
  const planned = plan.checks ?? [];
  if (planned.length === 0 || (!isTried && at.previous.length === 0)) return [];
  return checkFactsAfter(planned, yield* ask('checks', 'look'), at);
}
