import type { ConsumerFact } from './canary.js';

/** What one instance answered. `atMs`: of the challenge that it answers, where that is not the one of this look. */
type Answered = Pick<ConsumerFact, 'consumer' | 'instance' | 'answer' | 'reason' | 'late'> &
  Partial<Pick<ConsumerFact, 'atMs'>>;

/**
 * The facts after a look at which these instances answered. Instances are told apart by name: what one has said is
 * never the word of another, though behind one address now this one answers and now that.
 *
 * One that was not proved when it was last heard of stays as `unreachable` until it proves, or until nobody has heard of
 * it for `forgetAfterMs`: it may have been replaced. Milliseconds; 0: it is forgotten at once.
 */
export function factsAfter(
  answers: readonly Answered[],
  previous: readonly ConsumerFact[],
  { atMs, forgetAfterMs }: { readonly atMs: number; readonly forgetAfterMs: number },
): readonly ConsumerFact[] {
  // A proof is as old as its challenge; that it was heard of, and quiet counts from there, is of this look.
  const heard = answers.map((each) => ({
    ...each,
    atMs: each.atMs ?? atMs,
    sinceMs: sinceMs(each, previous, atMs),
  }));
  const silent = previous
    .filter((each) => each.instance !== null && each.answer !== 'proved')
    .filter((each) => !answers.some((other) => isSame(other, each)))
    .map((each): ConsumerFact => {
      const isNew = each.answer !== 'unreachable';
      const reason = 'it was not proved when it was last heard of';
      return { ...each, answer: 'unreachable', reason, atMs, sinceMs: isNew ? atMs : each.sinceMs };
    });
  return [...heard, ...silent.filter((each) => atMs - each.sinceMs < forgetAfterMs)];
}

/** What a gate waits for where a consumer has not proved, with what was last heard of it. */
export function noProofFrom(consumer: string, facts: readonly ConsumerFact[]): string {
  const lacking = facts.find((each) => each.consumer === consumer && each.answer !== 'proved' && each.reason !== '');
  return lacking === undefined ? `no proof from ${consumer}` : `no proof from ${consumer} (${lacking.reason})`;
}

/**
 * Since when it has given this answer. Of one that nobody knew: since all that were known of its consumer have, so that
 * quiet is not counted anew each time another answers in their place.
 */
function sinceMs({ consumer, instance, answer }: Answered, previous: readonly ConsumerFact[], atMs: number): number {
  const known = previous.filter((each) => each.consumer === consumer);
  const own = known.find((each) => isSame(each, { consumer, instance }));
  const alike = own === undefined ? known : [own];
  if (alike.length === 0 || alike.some((each) => each.answer !== answer)) return atMs;
  return Math.max(...alike.map((each) => each.sinceMs));
}

function isSame(one: Pick<Answered, 'consumer' | 'instance'>, other: Pick<Answered, 'consumer' | 'instance'>): boolean {
  return one.consumer === other.consumer && one.instance === other.instance;
}
