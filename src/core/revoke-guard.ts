import type { GuardVerdict, Moment } from './decide.js';
import type { ConsumerFact } from './canary.js';
import type { EvidenceFacts, Expected } from './drain.js';
import { type EndpointAnswer, deadEverywhere, everywhere } from './observation.js';
import type { Plan } from './plan.js';

/** I2 (a): the label was read at most this long before the old credential is touched. Milliseconds. */
export const ALIAS_MAX_AGE_MS = 5_000;
/** I2 (b): the new credential was accepted on every endpoint at most this long ago. Milliseconds. */
export const VERIFIED_MAX_AGE_MS = 60_000;
/** I2 (c): every required consumer was challenged at most this long ago. Milliseconds. */
export const PROOF_MAX_AGE_MS = 60_000;

/** What both guards rely on. Ages are counted on the database's clock, from before the look began. */
export interface RevokeEvidence {
  readonly plan: Plan;
  readonly moment: Pick<Moment, 'nowMs' | 'held' | 'waived' | 'guardSeq'>;
  readonly expected: Expected;
  readonly facts: EvidenceFacts;
  readonly consumers: readonly ConsumerFact[];
  readonly promotedMs: number;
}

/**
 * May the old credential be disabled now? Invariant I2, clause by clause. It answers `stale` rather than `no`: the gate
 * then looks again, and it is the gate that waits, parks or turns back.
 */
export function guardDisable(evidence: RevokeEvidence & { readonly quiet: boolean }): GuardVerdict {
  const { plan, moment, promotedMs } = evidence;
  const common = commonClauses(evidence);
  if (common !== undefined) return stale(common);
  // (c) young proofs, or named waivers.
  const proof = unprovedFor(evidence, PROOF_MAX_AGE_MS);
  if (proof !== undefined) return stale(`no proof from ${proof}`);
  // (d) grace since promote, at least the longest cache that a consumer declares.
  const graceMs = Math.max(plan.policy.graceMs, ...plan.consumers.map((each) => each.cacheTtlMs));
  if (moment.nowMs - promotedMs < graceMs) return stale('grace is not over');
  // (e) quiet at the target, where it can tell.
  if (!evidence.quiet) return stale('the old credential is not quiet');
  return { kind: 'pass', notAfterMs: expiryMs(evidence, PROOF_MAX_AGE_MS) };
}

/** May the old credential be destroyed now? Clauses (a) (b) (c) (f) (g) again, the watch window, and (h). */
export function guardDestroy(
  evidence: RevokeEvidence & {
    /** When `disable` was done; the window counts from there. */
    readonly disabledMs: number;
    /** What the old credential was answered at this moment; null: there is none, or it cannot be disabled. */
    readonly oldAnswers: readonly EndpointAnswer[] | null;
  },
): GuardVerdict {
  const { plan, moment } = evidence;
  const common = commonClauses(evidence);
  if (common !== undefined) return stale(common);
  const proof = unprovedFor(evidence, Number.POSITIVE_INFINITY);
  if (proof !== undefined) return stale(`no proof from ${proof}`);
  if (moment.nowMs - evidence.disabledMs < plan.policy.watchMs) return stale('the watch window is not over');
  // (h) refused on every endpoint at this moment.
  if (evidence.oldAnswers !== null && !deadEverywhere(evidence.oldAnswers)) return stale('the old credential is not refused everywhere');
  return { kind: 'pass', notAfterMs: expiryMs(evidence, Number.POSITIVE_INFINITY) };
}

/** (a) alias, (b) accepted, (f) hold, (g) identity of the target; and that nothing the guard reads has changed since. */
function commonClauses({ moment, expected, facts }: RevokeEvidence): string | undefined {
  if (moment.guardSeq !== facts.guardSeq) return 'hold, waivers or consumers have changed';
  if (moment.held) return 'held';
  if (facts.current === null || facts.current.version !== expected.version || facts.current.digest !== expected.digest) {
    return 'the label `current` is not on the new version';
  }
  if (moment.nowMs - facts.atMs > ALIAS_MAX_AGE_MS) return 'the label was read too long ago';
  if (!everywhere(facts.answers, 'accepted')) return 'the new credential is not accepted everywhere';
  if (moment.nowMs - facts.atMs > VERIFIED_MAX_AGE_MS) return 'the new credential was verified too long ago';
  if (facts.system !== expected.system) return 'the target is another system';
  return undefined;
}

function unprovedFor({ plan, moment, consumers }: RevokeEvidence, maxAgeMs: number): string | undefined {
  return plan.consumers.find((consumer) => {
    if (!consumer.required || moment.waived.includes(consumer.name)) return false;
    const fact = consumers.find((each) => each.consumer === consumer.name);
    return fact === undefined || fact.answer !== 'proved' || moment.nowMs - fact.atMs > maxAgeMs;
  })?.name;
}

/** Until when the facts are young enough, so that the commit of the intent can be refused after it. */
function expiryMs({ plan, moment, facts, consumers }: RevokeEvidence, proofMaxAgeMs: number): number {
  const proofs = plan.consumers
    .filter((consumer) => consumer.required && !moment.waived.includes(consumer.name))
    .map((consumer) => (consumers.find((each) => each.consumer === consumer.name)?.atMs ?? 0) + proofMaxAgeMs);
  return Math.min(facts.atMs + ALIAS_MAX_AGE_MS, facts.atMs + VERIFIED_MAX_AGE_MS, ...proofs);
}

function stale(why: string): GuardVerdict {
  return { kind: 'stale', why };
}
