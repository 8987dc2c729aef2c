import type { ConsumerFact } from './canary.js';
import type { Json } from './json.js';

/** What a gate wrote down of consumers. *Returns* undefined where it asks none. */
export function consumersSeen(facts: Json): readonly ConsumerFact[] | undefined {
  if (typeof facts !== 'object' || facts === null || !('consumers' in facts)) return undefined;
  // Written by the gates of this package and by nobody else.
  return facts['consumers'] as unknown as readonly ConsumerFact[];
}
