import { isInRange } from './address-range.js';
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
  /** Who was refused with the old credential. Absent: the target does not tell, or no consumer says from where it logs in. */
  readonly refused?: RefusedFacts;
  /**
   * Who might still need the old credential, looked at again because it could not be disabled: nothing has shown yet
   * that everything works without it. Null where it could, or there is none.
   */
  readonly again: QuietFacts | null;
};

/** Logins with the old credential that were refused while it is off. */
export type RefusedFacts = {
  /** The rotator's, of after our own last try: it is refused like any other, and must not be taken for a consumer's. */
  readonly mark: string | null;
  /** When the mark was made. Milliseconds since 1970. */
  readonly markedMs: number;
  /** Why nobody knows who was refused; null: it is known. */
  readonly unknown: string | null;
  /** When we last tried the old credential ourselves. Milliseconds since 1970. */
  readonly triedMs: number;
  /** Those that came from where a consumer logs in. Others say nothing: anybody may try. */
  readonly from: readonly { readonly consumer: string; readonly address: string }[];
};

/** The logins that came from where a consumer logs in. */
export function fromConsumers(plan: Plan, addresses: readonly string[]): RefusedFacts['from'] {
  return plan.consumers.flatMap(({ name: consumer, sources = [] }) =>
    addresses
      .filter((address) => sources.some((range) => isInRange(address, range)))
      .map((address) => ({ consumer, address })),
  );
}

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
  const needing = whoNeedsOld(plan, facts);
  if (needing !== undefined) {
    const { consumer, ...said } = needing;
    // Whoever needs it has it again before anybody is asked, unless strangers would have it too.
    const standing = onAgain(plan).takingBack === undefined ? standingOf(plan) : 'was switched on again';
    return { kind: 'park', code: 'OLD_STILL_NEEDED', facts: { consumer, ...said, standing }, ...onAgain(plan) };
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
    const isAsked = (facts.consumers ?? []).length > 0 || facts.refused !== undefined;
    const asked = isAsked ? ASKED_EVERY_MS : Number.POSITIVE_INFINITY;
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
  const unknown = facts.refused?.unknown ?? null;
  if (unknown !== null && plan.exposed !== true)
    return wait(`who was refused is not known: ${unknown}`, plan.policy.pollMs);
  // Our own try comes last, or it would be among those that are refused.
  if (facts.refused !== undefined && facts.refused.triedMs < facts.atMs) return wait('a try of the old credential', 1);
  return { kind: 'pass', output: facts };
}

/**
 * Who has said that it does not work without the old credential, or has tried it from where it logs in. Of what is exposed
 * the tries say nothing: whoever has it goes on trying, perhaps from there.
 */
function whoNeedsOld(
  { exposed }: Plan,
  { consumers = [], refused }: WatchFacts,
): { readonly consumer: string; readonly finding: string; readonly instance?: string | null } | undefined {
  const saying = consumers.find((each) => each.answer === 'refused');
  if (saying !== undefined) return { consumer: saying.consumer, finding: saying.reason, instance: saying.instance };
  const trying = exposed === true ? undefined : refused?.from[0];
  if (trying === undefined) return undefined;
  return { consumer: trying.consumer, finding: `a login with it was refused from ${trying.address}` };
}

/** While a person is asked both credentials work, unless strangers have the old one. */
function onAgain({ exposed, capabilities }: Plan): { readonly takingBack?: string } {
  return exposed === true || !capabilities.disable ? {} : { takingBack: 'disable' };
}

function standingOf({ capabilities }: Plan): string {
  return capabilities.disable ? 'stays off, because it is exposed' : 'still works';
}
