import { PROOF_MAX_AGE_MS, noProofFrom } from './consumer-facts.js';
import type { Moment, Verdict } from './decide.js';
import {
  type EvidenceFacts,
  type Expected,
  type Pending,
  type QuietFacts,
  contradiction,
  graceMs,
  missedFacts,
  nextLookMs,
  unprovedConsumer,
  unquiet,
} from './evidence.js';
import { everywhere } from './observation.js';
import type { Plan } from './plan.js';

/** What the drain gate saw. */
export type DrainFacts = EvidenceFacts & QuietFacts;

/** What drain hands on: the evidence, and who has proved. */
export type Drain = DrainFacts;

/** Is there proof that nobody needs the old credential any more? It never passes by time alone. */
export function judgeDrain(
  { plan, moment }: { readonly plan: Plan; readonly moment: Moment },
  at: { readonly expected: Expected; readonly promotedMs: number },
  facts: DrainFacts,
): Verdict<DrainFacts, Drain> {
  const harm = contradiction(facts, at.expected, plan);
  if (harm !== undefined) {
    // Who has moved the label back onto what strangers have has decided: what it names must work.
    const isBack = harm.code === 'ALIAS_MOVED' && plan.exposed === true && plan.capabilities.disable;
    return { kind: 'park', ...harm, ...(isBack ? { takingBack: 'disable' } : {}) };
  }
  const refused = facts.consumers.find((each) => each.answer === 'refused');
  if (refused !== undefined) {
    const facts = { consumer: refused.consumer, finding: refused.reason };
    if (plan.policy.onRefusal !== 'park') return { kind: 'fail', code: 'CONSUMER_REFUSED', facts };
    const { instance } = refused;
    return { kind: 'park', code: 'OLD_STILL_NEEDED', facts: { ...facts, instance, standing: 'still works' } };
  }
  const pending = moment.held
    ? { why: 'held', againInMs: plan.policy.pollMs }
    : missingEvidence(plan, moment, at.promotedMs, facts);
  if (pending === undefined) return { kind: 'pass', output: facts };
  // A hold stops the clock: what a person stopped does not time out.
  const isOver = !moment.held && moment.nowMs - moment.openedMs >= plan.policy.drainMaxMs;
  if (isOver && plan.policy.onDrainMax !== 'extend') {
    return { kind: 'park', code: 'DRAIN_TIMED_OUT', facts: missedFacts(pending, plan.policy.drainMaxMs) };
  }
  return {
    kind: 'wait',
    facts,
    why: isOver ? `${pending.why}; it has had its time, which is extended` : pending.why,
    againInMs: Math.max(1, Math.min(pending.againInMs, nextLookMs(plan, facts.consumers))),
  };
}

function missingEvidence(plan: Plan, moment: Moment, promotedMs: number, facts: DrainFacts): Pending | undefined {
  const { pollMs } = plan.policy;
  if (!everywhere(facts.answers, 'accepted')) return { why: 'no answer to our own login', againInMs: pollMs };
  const unproved = unprovedConsumer(plan, {
    waived: moment.waived,
    consumers: facts.consumers,
    nowMs: facts.atMs,
    maxAgeMs: PROOF_MAX_AGE_MS,
  });
  if (unproved !== undefined)
    return { why: noProofFrom(unproved, facts.consumers), againInMs: pollMs, consumer: unproved.name };
  // Where only one can live the old one is dead already: nothing is left to wait for.
  if (plan.capabilities.overlap === 'one-live') return undefined;
  const elapsedMs = facts.atMs - promotedMs;
  if (elapsedMs < graceMs(plan)) return { why: 'grace', againInMs: graceMs(plan) - elapsedMs };
  // What looks saw that ended in parking was not kept: after a resume quiet is shown anew.
  return unquiet(plan, facts, Math.max(promotedMs, moment.openedMs));
}
