import type { ConsumerFact } from './canary.js';
import { provedInstances } from './consumer-facts.js';
import type { ErrorCode, ErrorFacts } from './errors.js';
import { type EndpointAnswer, type Usage, whereAnswered } from './observation.js';
import type { Plan, PlannedConsumer } from './plan.js';

/** I2 (a): the label was read at most this long before the old credential is touched. Milliseconds. */
export const ALIAS_MAX_AGE_MS = 5_000;
/** I2 (b): the new credential was accepted on every endpoint at most this long ago. Milliseconds. */
export const VERIFIED_MAX_AGE_MS = 60_000;
/**
 * How soon a gate looks again, at the latest, where a consumer answers by acks: what it answered to one look counts at
 * the next, and must be young then. Milliseconds.
 */
export const LATE_LOOK_MS = 20_000;

/** How soon a gate looks again, at the latest, where the instances of a consumer are counted. Milliseconds. */
export const COUNTED_LOOK_MS = 10_000;

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

/** What a gate saw of those who might still need the old credential. */
export type QuietFacts = {
  readonly atMs: number;
  /** The newest answer of each consumer that was asked. */
  readonly consumers: readonly ConsumerFact[];
  /** Null where there is no old credential. */
  readonly usage: Usage | null;
  /** When a session with the old identity was last seen to be opened; null: never. Kept over looks. */
  readonly lastOpenedMs: number | null;
};

/** What the evidence is compared with. */
export interface Expected {
  readonly version: number;
  readonly digest: string;
  readonly system: string;
}

/** Something that is not there yet, and when it may be. */
export interface Pending {
  readonly why: string;
  readonly againInMs: number;
  /** Whose proof it is that is not there yet. */
  readonly consumer?: string;
}

/** What a person is told of what was not there in time; a name for the command that answers for a proof. */
export function missedFacts({ why, consumer = 'CONSUMER' }: Omit<Pending, 'againInMs'>, maxMs: number): ErrorFacts {
  return { maxMs, finding: why, consumer };
}

/** Facts that say the world is not as this rotation left it. */
export function contradiction(
  facts: EvidenceFacts,
  expected: Expected,
  plan: Plan,
): { readonly code: ErrorCode; readonly facts: ErrorFacts } | undefined {
  if (!namesNew(facts, expected)) return { code: 'ALIAS_MOVED', facts: {} };
  if (facts.system !== expected.system) {
    return {
      code: 'TARGET_CHANGED',
      facts: { target: plan.target, finding: `system ${facts.system}, was ${expected.system}` },
    };
  }
  const refused = whereAnswered(facts.answers, 'refused', 'absent');
  return refused === undefined ? undefined : { code: 'NEW_REFUSED', facts: { endpoint: refused.endpoint } };
}

/** True where `current` is on the new version, by number and by content. */
export function namesNew({ current }: EvidenceFacts, expected: Expected): boolean {
  return current !== null && current.version === expected.version && current.digest === expected.digest;
}

/** The least time between promote and disable: policy, and the longest cache that a consumer declares. Milliseconds. */
export function graceMs(plan: Plan): number {
  return Math.max(plan.policy.graceMs, ...plan.consumers.map((each) => each.cacheTtlMs));
}

/**
 * When a waiting gate looks again at the latest: policy, and sooner where a consumer answers by acks, or where many must be
 * heard behind one address before the first of them is too long ago. Milliseconds.
 */
export function nextLookMs(plan: Plan, consumers: readonly ConsumerFact[]): number {
  const isLate = consumers.some((each) => each.late === true);
  const isCounted = plan.consumers.some((each) => each.required && each.instances !== undefined);
  const soonestMs = isCounted ? COUNTED_LOOK_MS : isLate ? LATE_LOOK_MS : Number.POSITIVE_INFINITY;
  return Math.min(plan.policy.pollMs, soonestMs);
}

/**
 * The first required consumer of which any instance lacks a proof that is young enough, or of which fewer have proved than
 * there must be, without a waiver.
 */
export function unprovedConsumer(
  plan: Plan,
  at: {
    readonly waived: readonly string[];
    readonly consumers: readonly ConsumerFact[];
    readonly nowMs: number;
    readonly maxAgeMs: number;
  },
): PlannedConsumer | undefined {
  return plan.consumers.find((consumer) => {
    if (!consumer.required || at.waived.includes(consumer.name)) return false;
    const facts = at.consumers.filter((each) => each.consumer === consumer.name);
    if (facts.length === 0) return true;
    if (facts.some((each) => each.answer !== 'proved' || at.nowMs - each.atMs > at.maxAgeMs)) return true;
    return typeof consumer.instances === 'number' && provedInstances(facts) < consumer.instances;
  });
}

/**
 * Quiet: no session with the old identity was *opened* for Q, counted from the last required proof; sessions opened
 * earlier are awaited up to their greatest age and then ended by `disable`.
 *
 * *Returns* what is missing, or `undefined` where the old credential is quiet or the target cannot tell at all.
 */
export function unquiet(plan: Plan, facts: QuietFacts, promotedMs: number): Pending | undefined {
  const { quietMs, maxSessionAgeMs, pollMs } = plan.policy;
  const { usage } = facts;
  if (usage === null || !plan.capabilities.usage) return undefined;
  if (usage.kind === 'unknown') return { why: 'usage of the old credential is unknown', againInMs: pollMs };
  const required = plan.consumers.filter((each) => each.required).map((each) => each.name);
  const proofs = facts.consumers.filter((each) => required.includes(each.consumer)).map((each) => each.sinceMs);
  const quietForMs = facts.atMs - Math.max(promotedMs, facts.lastOpenedMs ?? 0, ...proofs);
  if (quietForMs < quietMs) return { why: 'the old credential is not quiet yet', againInMs: quietMs - quietForMs };
  if (usage.sessions === 0) return undefined;
  // Each session is given its time: one that has had it does not cut short those that have not.
  const ageMs = usage.youngestAgeMs ?? 0;
  if (ageMs < maxSessionAgeMs) {
    return {
      why: `${usage.sessions} session(s) with the old credential are still open`,
      againInMs: maxSessionAgeMs - ageMs,
    };
  }
  if (plan.capabilities.endsSessions) return undefined;
  return { why: `${usage.sessions} session(s) with the old credential cannot be ended`, againInMs: pollMs };
}
