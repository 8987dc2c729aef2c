import { randomBytes } from 'node:crypto';
import type { PlannedConsumer } from '../../core/plan.js';
import type { RegisteredInstance } from '../../ports/instances.js';
import type { ConsumerAnswer } from '../../ports/step-ports.js';

/** One challenge, before it is sent. Each has a nonce of its own, so that no proof serves twice or for another. */
export interface Addressee {
  readonly consumer: PlannedConsumer;
  readonly nonce: string;
  /** Null: it cannot be asked. */
  readonly url: string | null;
  /** Who is at that address; null: any instance of the consumer may answer. */
  readonly instance: string | null;
}

/**
 * Who is asked, for each consumer: its address; as often as there must be instances, because behind one address another
 * may answer each time; or each instance that has registered, at its own address where it has said one.
 */
export function addresseesOf(
  consumers: readonly PlannedConsumer[],
  registered: readonly RegisteredInstance[],
): readonly Addressee[] {
  return consumers.flatMap((consumer) =>
    placesOf(consumer, registered).map((place) => ({
      consumer,
      nonce: randomBytes(24).toString('base64url'),
      ...place,
    })),
  );
}

function placesOf(
  { name, url, instances }: PlannedConsumer,
  registered: readonly RegisteredInstance[],
): readonly Pick<Addressee, 'url' | 'instance'>[] {
  const anyone = { url, instance: null };
  if (typeof instances === 'number' && url !== null) return Array.from({ length: instances }, () => anyone);
  const own = instances === 'registered' ? registered.filter((each) => each.consumer === name && !each.hasLeft) : [];
  if (own.length === 0) return [anyone];
  return own.map((each) => (each.url === null ? anyone : { url: each.url, instance: each.instance }));
}

/** What was answered to one challenge. */
export type Direct = Addressee & { readonly answer: ConsumerAnswer };

/**
 * One answer for each instance. Where it gave several at one look, what is against it counts; where somebody is at an
 * address of his own and did not answer there, he is not heard by that; and who has registered and was not heard at all is
 * named, because he is waited for; who has gone, because he is not.
 */
export function answersOf(
  directs: readonly Direct[],
  registered: readonly RegisteredInstance[],
): readonly ConsumerAnswer[] {
  const found = new Map<string, ConsumerAnswer>();
  const tell = (answer: ConsumerAnswer): void => {
    const key = JSON.stringify([answer.consumer, answer.instance]);
    const known = found.get(key);
    if (known === undefined || gravity(answer) > gravity(known)) found.set(key, answer);
  };
  for (const { instance, answer } of directs) {
    const isNameless = answer.instance === null && instance !== null;
    tell(isNameless ? { ...answer, instance } : answer);
  }
  const isCounted = (name: string): boolean =>
    directs.some(({ consumer }) => consumer.name === name && consumer.instances === 'registered');
  const isHeard = ({ consumer, instance }: RegisteredInstance): boolean =>
    found.has(JSON.stringify([consumer, instance]));
  for (const each of registered.filter(({ consumer }) => isCounted(consumer))) {
    if (isHeard(each)) continue;
    const { consumer, instance } = each;
    if (each.hasLeft) {
      tell({ consumer, instance, answer: 'unreachable', reason: 'it has gone', gone: true });
      continue;
    }
    const reason = each.url === null ? 'it has registered and did not answer' : 'another answers at its address';
    tell({ consumer, instance, answer: 'unreachable', reason, unheard: true });
  }
  return [...found.values()];
}

/** What an instance says now is more than that it answers later, and the worst of what it says counts. */
function gravity({ answer, late }: ConsumerAnswer): number {
  if (answer === 'refused') return 3;
  if (answer === 'proved') return 0;
  return late === true ? 1 : 2;
}
