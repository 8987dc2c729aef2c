import type { ConsumerFact } from './canary.js';
import { PROOF_MAX_AGE_MS, noProofFrom } from './consumer-facts.js';
import type { Moment, Verdict } from './decide.js';
import {
  type EvidenceFacts,
  type Expected,
  type QuietFacts,
  contradiction,
  missedFacts,
  unprovedConsumer,
  unquiet,
} from './evidence.js';
import { type EndpointAnswer, deadEverywhere, everywhere, whereAnswered } from './observation.js';
import type { Plan } from './plan.js';

/** What the watch gate saw. */
export type WatchFacts = EvidenceFacts & {
  /** What the old credential was answered; null: there is none, or it cannot be disabled. */
  readonly oldAnswers: readonly EndpointAnswer[] | null;
  /** What consumers have said since. Absent in what was looked at before they were asked here. */
  readonly consumers?: readonly ConsumerFact[];
  /**
   * Who might still need the old credential, looked at again because it could not be disabled: nothing has shown yet
   * that everything works without it. Null where it could, or there is none.
   */
  readonly again: QuietFacts | null;
};

/** An application that cannot work without the old credential waits no longer than this until it is asked. Milliseconds. */
const ASKED_EVERY_MS = 5_000;

/** What watch hands on: the evidence. */
export type Watch = WatchFacts;

/**
 * Does everything still work without the old credential? It is off, and can be switched on again: where the world
 * contradicts the rotation turns back; where somebody needs it, or nobody can tell, it is switched on and a person asked.
 */
export function judgeWatch(
  { plan, moment }: { readonly plan: Plan; readonly moment: Moment },
  at: { readonly expected: Expected; readonly disabledMs: number },
  facts: WatchFacts,
): Verdict<WatchFacts, Watch> {
  const harm = contradiction(facts, at.expected, plan);
  if (harm !== undefined) return { kind: harm.code === 'TARGET_CHANGED' ? 'park' : 'fail', ...harm };
  const refused = facts.consumers?.find((each) => each.answer === 'refused');
  if (refused !== undefined) {
    const { consumer, reason: finding } = refused;
    // Whoever needs it has it again before anybody is asked, unless strangers would have it too.
    const standing = plan.exposed === true ? 'stays off, because it is exposed' : 'was switched on again';
    return { kind: 'park', code: 'OLD_STILL_NEEDED', facts: { consumer, finding, standing }, ...onAgain(plan) };
  }
  const wait = (why: string, againInMs: number, consumer?: string): Verdict<WatchFacts, Watch> => {
    const blind = moment.nowMs - moment.openedMs >= plan.policy.drainMaxMs + plan.policy.watchMs;
    if (blind && !moment.held)
      return {
        kind: 'park',
        code: 'DRAIN_TIMED_OUT',
        facts: missedFacts({ why, ...(consumer === undefined ? {} : { consumer }) }, plan.policy.drainMaxMs),
        ...onAgain(plan),
      };
    const asked = (facts.consumers ?? []).length > 0 ? ASKED_EVERY_MS : Number.POSITIVE_INFINITY;
    return { kind: 'wait', facts, why, againInMs: Math.max(1, Math.min(againInMs, plan.policy.pollMs, asked)) };
  };
  if (facts.oldAnswers !== null && !deadEverywhere(facts.oldAnswers)) {
    const alive = whereAnswered(facts.oldAnswers, 'accepted');
    if (alive !== undefined) return { kind: 'park', code: 'OLD_ALIVE_AGAIN', facts: { endpoint: alive.endpoint } };
    return wait('no answer to a login with the old credential', plan.policy.pollMs);
  }
  if (!everywhere(facts.answers, 'accepted')) return wait('no answer to our own login', plan.policy.pollMs);
  if (moment.held) return wait('held', plan.policy.pollMs);
  if (facts.again !== null) {
    const unproved = unprovedConsumer(plan, {
      waived: moment.waived,
      consumers: facts.again.consumers,
      nowMs: facts.atMs,
      maxAgeMs: PROOF_MAX_AGE_MS,
    });
    if (unproved !== undefined)
      return wait(noProofFrom(unproved, facts.again.consumers), plan.policy.pollMs, unproved.name);
    // What looks saw that ended in parking was not kept: after a resume quiet is shown anew.
    const pending = unquiet(plan, facts.again, Math.max(at.disabledMs, moment.openedMs));
    if (pending !== undefined) return wait(pending.why, pending.againInMs);
  }
  const watched = facts.atMs - at.disabledMs;
  if (watched < plan.policy.watchMs) return wait('watching', plan.policy.watchMs - watched);
  return { kind: 'pass', output: facts };
}

/** While a person is asked both credentials work, unless strangers have the old one. */
function onAgain({ exposed }: Plan): { readonly takingBack?: string } {
  return exposed === true ? {} : { takingBack: 'disable' };
}
