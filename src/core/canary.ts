import { noProofFrom } from './consumer-facts.js';
import type { Moment, Verdict } from './decide.js';
import { type EndpointAnswer, everywhere, whereAnswered } from './observation.js';
import type { Plan } from './plan.js';

/** What a consumer answered to a challenge, as facts keep it. */
export type ConsumerFact = {
  readonly consumer: string;
  readonly instance: string | null;
  readonly answer: 'proved' | 'pending' | 'refused' | 'unreachable';
  readonly reason: string;
  /** The database's time of the challenge. Milliseconds since 1970. */
  readonly atMs: number;
  /** When it first gave this answer without another in between. Milliseconds since 1970. */
  readonly sinceMs: number;
};

/** What the canary gate saw. */
export type CanaryFacts = {
  readonly atMs: number;
  /** Our own fresh login with the new credential. */
  readonly answers: readonly EndpointAnswer[];
  readonly consumers: readonly ConsumerFact[];
  /** Since when all of it has been well; null: it is not. */
  readonly wellSinceMs: number | null;
  /** When it began to look: when it was opened, or when what it had seen was too old and it was opened again. */
  readonly beganMs: number;
};

/** What the canary hands on. */
export type Canary = {
  /** When our own login with the new credential last succeeded on every endpoint. */
  readonly verifiedMs: number;
};

/** Does the new credential work, for us and for those who try it first? */
export function judgeCanary(
  { plan, moment }: { readonly plan: Plan; readonly moment: Moment },
  facts: CanaryFacts,
): Verdict<CanaryFacts, Canary> {
  const refused = whereAnswered(facts.answers, 'refused', 'absent');
  if (refused !== undefined) return { kind: 'fail', code: 'VERIFY_REFUSED', facts: { endpoint: refused.endpoint } };
  const against = facts.consumers.find((each) => each.answer === 'refused');
  if (against !== undefined) {
    return { kind: 'fail', code: 'CANARY_REFUSED', facts: { consumer: against.consumer, finding: against.reason } };
  }
  const wait = (why: string, againInMs: number, wellSinceMs: number | null): Verdict<CanaryFacts, Canary> => ({
    kind: 'wait',
    facts: { ...facts, wellSinceMs },
    why,
    againInMs: Math.min(againInMs, plan.policy.pollMs),
  });
  const canaries = plan.consumers.filter((each) => each.canary);
  const missing = canaries.find((each) => {
    const instances = facts.consumers.filter((fact) => fact.consumer === each.name);
    return instances.length === 0 || instances.some((fact) => fact.answer !== 'proved');
  });
  const well = everywhere(facts.answers, 'accepted') && missing === undefined;
  if (!well) {
    if (moment.nowMs - Math.max(moment.openedMs, facts.beganMs) >= plan.policy.canaryMaxMs) {
      return { kind: 'fail', code: 'CANARY_TIMED_OUT', facts: { maxMs: plan.policy.canaryMaxMs } };
    }
    return wait(
      missing === undefined ? 'no answer to our own login' : noProofFrom(missing.name, facts.consumers),
      plan.policy.pollMs,
      null,
    );
  }
  const since = facts.wellSinceMs ?? facts.atMs;
  const soaked = facts.atMs - since;
  if (soaked < plan.policy.soakMs) return wait('soaking', plan.policy.soakMs - soaked, since);
  return { kind: 'pass', output: { verifiedMs: facts.atMs } };
}
