import type { ConsumerFact } from './canary.js';
import type { Moment, Verdict } from './decide.js';
import { type EndpointAnswer, type Usage, everywhere, whereAnswered } from './observation.js';
import type { Plan } from './plan.js';
import type { OldCredential } from './preflight.js';
import { PROOF_MAX_AGE_MS } from './revoke-guard.js';

/** What a gate after promote saw; the guards of `disable` and `destroy` judge on the same facts. */
export type EvidenceFacts = {
  /** The database's time before the look began, so that nothing in it is older than it says. */
  readonly atMs: number;
  readonly guardSeq: number;
  /** Where the label `current` is, by version and by content. */
  readonly current: { readonly version: number; readonly digest: string } | null;
  /** Our own fresh login with the new credential. */
  readonly answers: readonly EndpointAnswer[];
  readonly system: string;
};

/** What the drain gate saw. */
export type DrainFacts = EvidenceFacts & {
  /** The newest answer of each consumer that must prove. */
  readonly consumers: readonly ConsumerFact[];
  /** Null where there is no old credential. */
  readonly usage: Usage | null;
  /** When a session with the old identity was last seen to be opened; null: never. Kept over looks. */
  readonly lastOpenedMs: number | null;
};

/** What drain hands on: the evidence, and who has proved. */
export type Drain = DrainFacts;

/** What the evidence is compared with. */
export interface Expected {
  readonly version: number;
  readonly digest: string;
  readonly system: string;
}

type Judged = Verdict<DrainFacts, Drain>;

/** Is there proof that nobody needs the old credential any more? It never passes by time alone. */
export function judgeDrain(
  { plan, moment }: { readonly plan: Plan; readonly moment: Moment },
  at: { readonly old: OldCredential | null; readonly expected: Expected; readonly promotedMs: number },
  facts: DrainFacts,
): Judged {
  const harm = contradiction(facts, at.expected, plan);
  if (harm !== undefined) return harm;
  const refused = facts.consumers.find((each) => each.answer === 'refused');
  if (refused !== undefined) {
    return { kind: 'fail', code: 'CONSUMER_REFUSED', facts: { consumer: refused.consumer, finding: refused.reason } };
  }
  const pending = moment.held ? { why: 'held', againInMs: plan.policy.pollMs } : missingEvidence(plan, moment, at, facts);
  if (pending === undefined) return { kind: 'pass', output: facts };
  // A hold stops the clock: what a person stopped does not time out.
  if (!moment.held && moment.nowMs - moment.openedMs >= plan.policy.drainMaxMs) {
    return { kind: 'park', code: 'DRAIN_TIMED_OUT', facts: { maxMs: plan.policy.drainMaxMs, finding: pending.why } };
  }
  return { kind: 'wait', facts, why: pending.why, againInMs: Math.max(1, Math.min(pending.againInMs, plan.policy.pollMs)) };
}

/** Facts that say the world is not as this rotation left it. Shared with `watch`. */
export function contradiction(facts: EvidenceFacts, expected: Expected, plan: Plan): Extract<Judged, { kind: 'park' }> | undefined {
  if (facts.current === null || facts.current.version !== expected.version || facts.current.digest !== expected.digest) {
    return { kind: 'park', code: 'ALIAS_MOVED', facts: {} };
  }
  if (facts.system !== expected.system) {
    return { kind: 'park', code: 'TARGET_CHANGED', facts: { target: plan.target, finding: `system ${facts.system}, was ${expected.system}` } };
  }
  const refused = whereAnswered(facts.answers, 'refused', 'absent');
  if (refused !== undefined) return { kind: 'park', code: 'NEW_REFUSED', facts: { endpoint: refused.endpoint } };
  return undefined;
}

interface Pending {
  readonly why: string;
  readonly againInMs: number;
}

function missingEvidence(
  plan: Plan,
  moment: Moment,
  { old, promotedMs }: { readonly old: OldCredential | null; readonly promotedMs: number },
  facts: DrainFacts,
): Pending | undefined {
  const poll = plan.policy.pollMs;
  if (!everywhere(facts.answers, 'accepted')) return { why: 'no answer to our own login', againInMs: poll };
  const unproved = unprovedConsumer(plan, moment.waived, facts);
  if (unproved !== undefined) return { why: `no proof from ${unproved}`, againInMs: poll };
  const graceMs = Math.max(plan.policy.graceMs, ...plan.consumers.map((each) => each.cacheTtlMs));
  const elapsed = facts.atMs - promotedMs;
  if (elapsed < graceMs) return { why: 'grace', againInMs: graceMs - elapsed };
  if (old === null || !old.accepted || !plan.capabilities.usage) return undefined;
  return unquiet(plan, Math.max(promotedMs, ...facts.consumers.map((each) => each.sinceMs)), facts);
}

/** The first required consumer without a proof that is young enough and without a waiver. */
function unprovedConsumer(plan: Plan, waived: readonly string[], facts: DrainFacts): string | undefined {
  return plan.consumers.find((consumer) => {
    if (!consumer.required || waived.includes(consumer.name)) return false;
    const fact = facts.consumers.find((each) => each.consumer === consumer.name);
    return fact === undefined || fact.answer !== 'proved' || facts.atMs - fact.atMs > PROOF_MAX_AGE_MS;
  })?.name;
}

/** Quiet: no session with the old identity was *opened* for Q; those opened earlier are awaited up to their greatest age. */
function unquiet(plan: Plan, provedMs: number, facts: DrainFacts): Pending | undefined {
  const { quietMs, maxSessionAgeMs, pollMs } = plan.policy;
  const { usage } = facts;
  if (usage === null || usage.kind === 'unknown') return { why: `usage of the old credential is unknown`, againInMs: pollMs };
  const since = Math.max(provedMs, facts.lastOpenedMs ?? 0);
  const quietFor = facts.atMs - since;
  if (quietFor < quietMs) return { why: 'the old credential is not quiet yet', againInMs: quietMs - quietFor };
  if (usage.sessions > 0 && (usage.oldestAgeMs ?? 0) < maxSessionAgeMs) {
    return { why: `${usage.sessions} session(s) with the old credential are still open`, againInMs: maxSessionAgeMs - (usage.oldestAgeMs ?? 0) };
  }
  if (usage.sessions > 0 && !plan.capabilities.endsSessions) {
    return { why: `${usage.sessions} session(s) with the old credential cannot be ended`, againInMs: pollMs };
  }
  return undefined;
}
