import { noProofFrom } from './consumer-facts.js';
import type { Moment, Verdict } from './decide.js';
import { nextLookMs } from './evidence.js';
import { type EndpointAnswer, everywhere, whereAnswered } from './observation.js';
import type { Plan } from './plan.js';
import { canariesNeeded } from './policy.js';
import { type CheckFact, checkLacking, failedCheck } from './soak-check.js';

/** What a consumer answered to a challenge, as facts keep it. */
export type ConsumerFact = {
  readonly consumer: string;
  readonly instance: string | null;
  readonly answer: 'proved' | 'pending' | 'refused' | 'unreachable';
  readonly reason: string;
  /** The database's time of the challenge that this answers. Milliseconds since 1970. */
  readonly atMs: number;
  /** It answers after the look that asks it, by an ack. Absent: it answered in the response, or not at all. */
  readonly late?: true;
  /** When it first gave this answer without another in between. Milliseconds since 1970. */
  readonly sinceMs: number;
};

/** What the canary gate saw. */
export type CanaryFacts = {
  readonly atMs: number;
  /** Our own fresh login with the new credential. */
  readonly answers: readonly EndpointAnswer[];
  readonly consumers: readonly ConsumerFact[];
  /** What the checks have said. Empty until everybody who goes first has proved. */
  readonly checks: readonly CheckFact[];
  /** Since when all of it has been well; null: it is not. */
  readonly wellSinceMs: number | null;
  /** How long it was well before it last ceased to be. Milliseconds, since `beganMs`. */
  readonly wellMs: number;
  /** When it began to look: when it was opened, or when what it had seen was too old and it was opened again. */
  readonly beganMs: number;
};

/** What the canary hands on. */
export type Canary = {
  /** When our own login with the new credential last succeeded on every endpoint. */
  readonly verifiedMs: number;
  /** What every check said at the end. Absent: there are none. */
  readonly checks?: readonly CheckFact[];
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
  const checks = plan.checks ?? [];
  const failed = failedCheck(checks, facts.checks);
  if (failed !== undefined) {
    const { check, badLooks, finding } = failed;
    return { kind: 'fail', code: 'CANARY_CHECK_FAILED', facts: { check, looks: badLooks, finding } };
  }
  const { soakMs, canaryMaxMs, pollMs } = plan.policy;
  const wait = (why: string, againInMs: number, well: Partial<CanaryFacts>): Verdict<CanaryFacts, Canary> => ({
    kind: 'wait',
    facts: { ...facts, ...well },
    why,
    againInMs: Math.min(againInMs, nextLookMs(plan, facts.consumers)),
  });
  const isIn = everywhere(facts.answers, 'accepted');
  const why = isIn
    ? (canaryLacking(plan, facts.consumers) ?? checkLacking(checks, facts.checks, facts.atMs))
    : 'no answer to our own login';
  if (why !== undefined) {
    const spent = timeSpent(moment, facts);
    if (moment.nowMs - spent.beganMs - spent.wellMs >= canaryMaxMs) {
      const found = { maxMs: canaryMaxMs, finding: why };
      return plan.policy.unknownChecks === 'park' && isIn && isBlind(plan, facts)
        ? { kind: 'park', code: 'CANARY_UNDECIDED', facts: found }
        : { kind: 'fail', code: 'CANARY_TIMED_OUT', facts: found };
    }
    return wait(why, pollMs, { ...spent, wellSinceMs: null });
  }
  const since = facts.wellSinceMs ?? facts.atMs;
  const soaked = facts.atMs - since;
  if (soaked < soakMs) return wait('soaking', soakMs - soaked, { wellSinceMs: since });
  return { kind: 'pass', output: { verifiedMs: facts.atMs, ...(checks.length === 0 ? {} : { checks: facts.checks }) } };
}

/** Whose proof the canary waits for, and how many have proved where not all must; undefined: for nobody's. */
export function canaryLacking(plan: Plan, consumers: readonly ConsumerFact[]): string | undefined {
  const canaries = plan.consumers.filter((each) => each.canary);
  const unproved = canaries.filter((each) => {
    const instances = consumers.filter((fact) => fact.consumer === each.name);
    return instances.length === 0 || instances.some((fact) => fact.answer !== 'proved');
  });
  const proved = canaries.length - unproved.length;
  const needed = canariesNeeded(plan.policy.canaries ?? 'all', canaries.length);
  if (proved >= needed) return undefined;
  const count = needed === canaries.length ? '' : `${proved} of ${needed} canary consumers have proved; `;
  return `${count}${noProofFrom({ name: unproved[0]?.name ?? 'a canary consumer' }, consumers)}`;
}

/** True where everybody who goes first has proved and no check is bad: what is lacking is that one is not known. */
function isBlind(plan: Plan, { consumers, checks }: CanaryFacts): boolean {
  return canaryLacking(plan, consumers) === undefined && checks.every(({ answer }) => answer !== 'bad');
}

/** When its time began to count, and how much of that it was well: what ends now was well up to here. */
function timeSpent(moment: Moment, facts: CanaryFacts): Pick<CanaryFacts, 'beganMs' | 'wellMs'> {
  const beganMs = Math.max(moment.openedMs, facts.beganMs);
  // A person who lets it go on gives it its time anew.
  const before = beganMs === facts.beganMs ? facts.wellMs : 0;
  const ended = facts.wellSinceMs === null ? 0 : facts.atMs - Math.max(facts.wellSinceMs, beganMs);
  return { beganMs, wellMs: before + ended };
}
