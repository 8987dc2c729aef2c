import { z } from 'zod';
import { WireError } from './wire-error.js';

const unit = z.enum(['Days', 'Hours']);
const amount = z.string().regex(/^[1-9][0-9]{0,5}$/);

/** A time that every part of us can count with: PostgreSQL takes neither every zone nor every number of digits. */
const timestamp = z.iso
  .datetime({ offset: true })
  .regex(/^(19[7-9]|[2-9][0-9]{2}).{16}(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-9]{2})$/);

const policy = z.discriminatedUnion('Type', [
  z.object({
    Type: z.literal('Expiration'),
    Version: z.literal('1.0'),
    Attributes: z.object({ Timestamp: timestamp }),
  }),
  z.object({
    Type: z.literal('ExpirationNotification'),
    Version: z.literal('1.0'),
    Attributes: z.object({ Before: amount, Unit: unit }),
  }),
  z.object({
    Type: z.literal('NoChangeNotification'),
    Version: z.literal('1.0'),
    Attributes: z.object({ After: amount, Unit: unit }),
  }),
]);

/**
 * Reads the policies of a put. *Returns* them as they are kept; null where `[{}]` clears them.
 *
 * *Errors* `InvalidPolicyTypeException`, `InvalidPolicyAttributeException`, `PoliciesLimitExceededException`,
 * `IncompatiblePolicyException`.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
 */
export function readPolicies(given: string): string | null {
  const policies = parse(given);
  if (policies.length > 10)
    throw new WireError('PoliciesLimitExceededException', 'A parameter has at most ten policies.');
  if (policies.every((each) => typeof each === 'object' && each !== null && Object.keys(each).length === 0))
    return null;
  const read = policies.map((each) => {
    const known = policy.safeParse(each);
    if (known.success) return known.data;
    const type: unknown = typeof each === 'object' && each !== null && 'Type' in each ? each.Type : undefined;
    const isKnown = ['Expiration', 'ExpirationNotification', 'NoChangeNotification'].includes(String(type));
    throw isKnown
      ? new WireError('InvalidPolicyAttributeException', 'A policy attribute or its value is not valid.')
      : new WireError(
          'InvalidPolicyTypeException',
          'The policy type is not supported: Expiration, ExpirationNotification or NoChangeNotification.',
        );
  });
  const count = (type: string): number => read.filter(({ Type }) => Type === type).length;
  if (count('Expiration') > 1 || (count('ExpirationNotification') > 0 && count('Expiration') === 0)) {
    throw new WireError(
      'IncompatiblePolicyException',
      'There is a conflict in the policies: one Expiration, and notices of it only with it.',
    );
  }
  return JSON.stringify(read);
}

function parse(given: string): readonly unknown[] {
  try {
    const policies: unknown = JSON.parse(given);
    if (Array.isArray(policies)) return policies;
  } catch {
    // Told below.
  }
  throw new WireError('InvalidPolicyTypeException', 'Policies are a JSON array.');
}
