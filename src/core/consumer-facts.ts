import type { ConsumerFact } from './canary.js';
import type { PlannedConsumer } from './plan.js';

/** A proof is as good as new for this long: the guard of `disable` takes none that is older. Milliseconds. */
export const PROOF_MAX_AGE_MS = 60_000;

/** What one instance answered. `atMs`: of the challenge that it answers, where that is not the one of this look. */
type Answered = Pick<ConsumerFact, 'consumer' | 'instance' | 'answer' | 'reason' | 'late'> &
  Partial<Pick<ConsumerFact, 'atMs'>> & {
    /** It is known to be there, and did not answer at this look: another one behind its address may have. */
    readonly unheard?: true;
    /** It has said that it goes, and did not answer at this look. */
    readonly gone?: true;
  };

/** A consumer whose instances are counted. */
type Counted = Pick<PlannedConsumer, 'name' | 'instances'>;

/**
 * The facts after a look at which these instances answered. Instances are told apart by name: what one has said is
 * never the word of another, though behind one address now this one answers and now that.
 *
 * One that was not proved when it was last heard of stays as `unreachable` until it proves, or until nobody has heard of
 * it for `forgetAfterMs`: it may have been replaced. Milliseconds; 0: it is forgotten at once. Of a consumer whose
 * instances are counted (`counted`) a proof stands as long as it is young: not every instance answers at every look.
 */
export function factsAfter(
  said: readonly Answered[],
  previous: readonly ConsumerFact[],
  {
    atMs,
    forgetAfterMs,
    counted = [],
  }: { readonly atMs: number; readonly forgetAfterMs: number; readonly counted?: readonly Counted[] },
): readonly ConsumerFact[] {
  const standing = previous.filter(
    (each) =>
      each.answer === 'proved' &&
      each.instance !== null &&
      counted.some(({ name }) => name === each.consumer) &&
      atMs - each.atMs < PROOF_MAX_AGE_MS &&
      said.every((other) => other.unheard === true || !isSame(other, each)),
  );
  const answers = said
    .filter(({ gone }) => gone !== true)
    .filter((each) => each.unheard !== true || !standing.some((other) => isSame(other, each)))
    .map(({ unheard: _unheard, gone: _gone, ...each }) => each);
  // A proof is as old as its challenge; that it was heard of, and quiet counts from there, is of this look.
  const heard = answers.map((each) => ({
    ...each,
    atMs: each.atMs ?? atMs,
    sinceMs: sinceMs(each, previous, { atMs, counted }),
  }));
  const silent = previous
    .filter((each) => each.instance !== null && each.answer !== 'proved')
    .filter((each) => !said.some((other) => isSame(other, each)))
    .map((each): ConsumerFact => {
      const isNew = each.answer !== 'unreachable';
      const reason = 'it was not proved when it was last heard of';
      return { ...each, answer: 'unreachable', reason, atMs, sinceMs: isNew ? atMs : each.sinceMs };
    });
  return [...heard, ...standing, ...silent.filter((each) => atMs - each.sinceMs < forgetAfterMs)];
}

/** What a gate waits for where a consumer has not proved, with what was last heard of it. */
export function noProofFrom({ name, instances }: Counted, facts: readonly ConsumerFact[]): string {
  const own = facts.filter((each) => each.consumer === name);
  const lacking = own.find((each) => each.answer !== 'proved' && each.reason !== '');
  if (lacking !== undefined) {
    const who = lacking.instance === null ? '' : `${lacking.instance}: `;
    return `no proof from ${name} (${who}${lacking.reason})`;
  }
  if (typeof instances !== 'number') return `no proof from ${name}`;
  return `no proof from ${name} (${provedInstances(own)} of ${instances} instances have proved)`;
}

/** How many instances have proved, told apart by name: one that does not say which it is may be another's second word. */
export function provedInstances(facts: readonly ConsumerFact[]): number {
  return new Set(facts.filter((each) => each.answer === 'proved').flatMap(({ instance }) => instance ?? [])).size;
}

/**
 * Since when it has given this answer. Of one that nobody knew: since all that were known of its consumer have, so that
 * quiet is not counted anew each time another answers in their place; but since now where so many are to prove and fewer have.
 */
function sinceMs(
  { consumer, instance, answer }: Answered,
  previous: readonly ConsumerFact[],
  { atMs, counted }: { readonly atMs: number; readonly counted: readonly Counted[] },
): number {
  const known = previous.filter((each) => each.consumer === consumer);
  const own = known.find((each) => isSame(each, { consumer, instance }));
  const needed = counted.find(({ name }) => name === consumer)?.instances;
  if (own === undefined && typeof needed === 'number' && provedInstances(known) < needed) return atMs;
  const alike = own === undefined ? known : [own];
  if (alike.length === 0 || alike.some((each) => each.answer !== answer)) return atMs;
  return Math.max(...alike.map((each) => each.sinceMs));
}

function isSame(one: Pick<Answered, 'consumer' | 'instance'>, other: Pick<Answered, 'consumer' | 'instance'>): boolean {
  return one.consumer === other.consumer && one.instance === other.instance;
}
