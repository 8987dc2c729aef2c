import type { ConsumerFact } from './canary.js';
import { PROOF_MAX_AGE_MS } from './consumer-facts.js';
import type { GuardVerdict, Moment } from './decide.js';
import type { DrainFacts } from './drain.js';
import {
  ALIAS_MAX_AGE_MS,
  type EvidenceFacts,
  type Expected,
  type QuietFacts,
  VERIFIED_MAX_AGE_MS,
  graceMs,
  namesNew,
  unprovedConsumer,
  unquiet,
} from './evidence.js';
import { type EndpointAnswer, deadEverywhere, everywhere } from './observation.js';
import type { Plan } from './plan.js';

interface Evidence<Facts extends EvidenceFacts> {
  readonly plan: Plan;
  readonly moment: Pick<Moment, 'nowMs' | 'held' | 'waived' | 'guardSeq'>;
  readonly expected: Expected;
  /** What the gate before saw. Ages count on the database's clock, from before that look began. */
  readonly facts: Facts;
}

/**
 * May the old credential be disabled now? Invariant I2, clause by clause. It answers `stale` rather than `no`: the gate
 * then looks again, and it is the gate that waits, parks or turns back.
 */
export function guardDisable(evidence: Evidence<DrainFacts> & { readonly promotedMs: number }): GuardVerdict {
  const { plan, moment, facts, promotedMs } = evidence;
  const broken = brokenClause(evidence);
  if (broken !== undefined) return stale(broken);
  // (c) young proofs, or named waivers.
  const unproved = unprovedConsumer(plan, { ...moment, consumers: facts.consumers, maxAgeMs: PROOF_MAX_AGE_MS });
  if (unproved !== undefined) return stale(`no proof from ${unproved.name}`);
  // (d) grace since promote.
  if (moment.nowMs - promotedMs < graceMs(plan)) return stale('grace is not over');
  // (e) quiet at the target, where it can tell.
  const pending = unquiet(plan, facts, promotedMs);
  if (pending !== undefined) return stale(pending.why);
  return { kind: 'pass', ...validity(evidence, facts.consumers) };
}

/** May the old credential be destroyed now? Clauses (a) (b) (c) (f) (g) again, the watch window, and (h). */
export function guardDestroy(
  evidence: Evidence<EvidenceFacts> & {
    /** Who proved before `disable`. */
    readonly consumers: readonly ConsumerFact[];
    /** When `disable` was done, from where the window counts; null: there is no window, only one could live. */
    readonly disabledMs: number | null;
    /** What the old credential was answered at this moment; null: there is none, or it cannot be disabled. */
    readonly oldAnswers: readonly EndpointAnswer[] | null;
    /** Where it could not be disabled: who might still need it, looked at again. Null where it was, or there is none. */
    readonly again: QuietFacts | null;
  },
): GuardVerdict {
  const { plan, moment, consumers, disabledMs, oldAnswers, again } = evidence;
  const broken = brokenClause(evidence);
  if (broken !== undefined) return stale(broken);
  const proofs =
    again === null
      ? { consumers, maxAgeMs: Number.POSITIVE_INFINITY }
      : { consumers: again.consumers, maxAgeMs: PROOF_MAX_AGE_MS };
  const unproved = unprovedConsumer(plan, { ...moment, ...proofs });
  if (unproved !== undefined) return stale(`no proof from ${unproved.name}`);
  if (disabledMs !== null && moment.nowMs - disabledMs < plan.policy.watchMs)
    return stale('the watch window is not over');
  // What was never switched off needs the quiet of both gates.
  const pending = again === null ? undefined : unquiet(plan, again, disabledMs ?? again.atMs);
  if (pending !== undefined) return stale(pending.why);
  // (h) refused on every endpoint at this moment.
  if (oldAnswers !== null && !deadEverywhere(oldAnswers)) return stale('the old credential is not refused everywhere');
  return { kind: 'pass', ...validity(evidence, again?.consumers ?? []) };
}

/** (a) label, (b) accepted, (f) hold, (g) the target itself; and that nothing a guard reads has changed since the look. */
function brokenClause({ moment, expected, facts }: Evidence<EvidenceFacts>): string | undefined {
  if (moment.guardSeq !== facts.guardSeq) return 'hold, waivers or consumers have changed';
  if (moment.held) return 'held';
  if (!namesNew(facts, expected)) return 'the label `current` is not on the new version';
  if (moment.nowMs - facts.atMs > ALIAS_MAX_AGE_MS) return 'the label was read too long ago';
  if (!everywhere(facts.answers, 'accepted')) return 'the new credential is not accepted everywhere';
  if (facts.system !== expected.system) return 'the target is another system';
  return undefined;
}

/**
 * When the facts are true and young enough, so that the commit of the intent is refused outside of it. Before the newest
 * of them it can only be where the database's clock went back: no age means anything then.
 */
function validity(
  { plan, moment, facts }: Evidence<EvidenceFacts>,
  consumers: readonly ConsumerFact[],
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const required = plan.consumers
    .filter((each) => each.required && !moment.waived.includes(each.name))
    .map((each) => each.name);
  const proofs = consumers.filter((each) => required.includes(each.consumer)).map((each) => each.atMs);
  return {
    notBeforeMs: Math.max(facts.atMs, ...proofs),
    notAfterMs: Math.min(
      facts.atMs + ALIAS_MAX_AGE_MS,
      facts.atMs + VERIFIED_MAX_AGE_MS,
      ...proofs.map((atMs) => atMs + PROOF_MAX_AGE_MS),
    ),
  };
}

function stale(why: string): GuardVerdict {
  return { kind: 'stale', why };
}
