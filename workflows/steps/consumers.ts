import { type ConsumerFact, type Plan, type Steps, ask, factsAfter, keyturnError } from 'keyturn/workflow';

/**
 * Asks the consumers of a phase to use a version and to prove that they hold it. Level-triggered: those who have
 * proved are asked again, because a proof is only as good as it is young.
 */
export function* challenge(
  plan: Plan,
  phase: 'canary' | 'drain',
  version: number,
  atMs: number,
  previous: readonly ConsumerFact[],
): Steps<readonly ConsumerFact[]> {
  const asked = plan.consumers.some((each) => (phase === 'canary' ? each.canary : each.required));
  if (!asked) return [];
  const stored = yield* ask('store', 'read', version);
  if (stored === null) throw keyturnError('FOREIGN_VERSION', { version, secret: plan.path });
  const answers = yield* ask('consumers', 'challenge', phase, version, stored.value);
  // Canaries try; what is left to itself must wait for everybody that was ever heard of.
  const forgetAfterMs = phase === 'canary' ? 0 : plan.policy.maxSessionAgeMs;
  const counted = plan.consumers.filter((each) => each.instances !== undefined);
  return factsAfter(answers, previous, { atMs, forgetAfterMs, counted });
}
