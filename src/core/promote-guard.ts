import type { Canary } from './canary.js';
import type { GuardVerdict, Moment } from './decide.js';

/**
 * How old our own login with the new credential may be when the label is moved onto it. Milliseconds. Far more than one
 * look and one pause between two tries take, so that a store that throttles does not have every consumer asked again;
 * far less than it takes a person to come to a parked rotation.
 */
const CANARY_MAX_AGE_MS = 10 * 60_000;

/**
 * May the label be moved onto the new credential now? What the canary saw before a rotation was parked, or before all
 * workers were away, says nothing of what has become of the new credential since: the canary then looks again.
 */
export function guardPromote(
  { moment }: { readonly moment: Pick<Moment, 'nowMs'> },
  { verifiedMs }: Canary,
): GuardVerdict {
  const notAfterMs = verifiedMs + CANARY_MAX_AGE_MS;
  if (moment.nowMs > notAfterMs) {
    return { kind: 'stale', why: 'our own login with the new credential was too long ago' };
  }
  return { kind: 'pass', notBeforeMs: verifiedMs, notAfterMs };
}
