import type { ConsumerFact } from '../core/canary.js';
import { consumersSeen } from '../core/consumers-seen.js';
import type { ErrorFacts } from '../core/errors.js';
import type { Recorded } from '../core/rotation-event.js';
import { fold, stepState } from '../core/rotation.js';
import type { WaiverRow } from '../ports/operations.js';

/** What one instance of a consumer was last heard to say. */
export interface InstanceStanding {
  /** Null: it has not said which one it is. */
  readonly instance: string | null;
  readonly answer: ConsumerFact['answer'];
  readonly reason: string;
  /** Since when it has said so. Milliseconds since 1970. */
  readonly sinceMs: number;
  /** From the promotion to its proof; null: it has not proved, or nothing was promoted. Milliseconds. */
  readonly propagationMs: number | null;
}

/** A consumer, as a rotation knows it. */
export interface ConsumerStanding {
  readonly consumer: string;
  /** Who answers for it; null: nobody is named. */
  readonly owner: string | null;
  readonly canary: boolean;
  readonly required: boolean;
  /** [] where it was not asked yet. */
  readonly instances: readonly InstanceStanding[];
  /** Null: nobody has accepted a missing proof. */
  readonly waiver: WaiverRow | null;
}

/** Where promoted versions begin to be proved. */
const promotions: readonly string[] = ['promote', 'swap'];

/**
 * What the consumers of a rotation have said by its journal, in the order in which they are declared. What was said of the
 * pending version counts no more once it was promoted.
 */
export function consumersOf(events: readonly Recorded[], waivers: readonly WaiverRow[]): readonly ConsumerStanding[] {
  const state = fold(events);
  const promotedMs = Math.max(...promotions.map((step) => stepState(state, step).doneMs));
  let facts: readonly ConsumerFact[] = [];
  for (const { event, atMs } of events) {
    if (event.kind === 'StepDone' && promotions.includes(event.step)) facts = [];
    if (event.kind === 'GateWaiting') facts = consumersSeen(event.facts) ?? facts;
    if (event.kind === 'StepDone') facts = consumersSeen(event.output) ?? facts;
    if ('code' in event && 'facts' in event && isRefusal(event)) facts = withRefusal(facts, event.facts, atMs);
  }
  return state.plan.consumers.map(({ name, owner = null, canary, required }) => ({
    consumer: name,
    owner,
    canary,
    required,
    instances: facts
      .filter(({ consumer }) => consumer === name)
      .map(({ instance, answer, reason, sinceMs }) => ({
        instance,
        answer,
        reason,
        sinceMs,
        propagationMs: answer === 'proved' && promotedMs > 0 ? Math.max(0, sinceMs - promotedMs) : null,
      })),
    waiver: waivers.find(({ consumer }) => consumer === name) ?? null,
  }));
}

/** A gate that is refused writes down who did, and not what the others have said. */
const refusals: readonly string[] = ['CANARY_REFUSED', 'CONSUMER_REFUSED', 'OLD_STILL_NEEDED'];

/** A login that was refused is nothing that a consumer has said. */
function isRefusal({ code, facts }: { readonly code: string; readonly facts: ErrorFacts }): boolean {
  return refusals.includes(code) && (code !== 'OLD_STILL_NEEDED' || 'instance' in facts);
}

function withRefusal(
  facts: readonly ConsumerFact[],
  { consumer, finding, instance = null }: ErrorFacts,
  atMs: number,
): readonly ConsumerFact[] {
  const name = String(consumer);
  const others = facts.filter((each) => each.consumer !== name);
  return [
    ...others,
    {
      consumer: name,
      instance: instance === null ? null : String(instance),
      answer: 'refused',
      reason: String(finding),
      atMs,
      sinceMs: atMs,
    },
  ];
}
