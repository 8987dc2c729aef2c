import { keyturnError } from '../core/errors.js';
import type { PutRefusal } from '../ports/parameters.js';
import type { ValueFault } from './plain-value.js';

/** Which parameter, of which environment. */
export interface Place {
  readonly parameter: string;
  readonly environment: string;
}

/** The parameter was left as it is, and what to do now. */
export const parameterRefused = ({ parameter }: Place, { finding, cure }: ValueFault): Error =>
  keyturnError('PARAMETER_REFUSED', { parameter, finding, cure });

/** Why a put changed nothing, in words. */
export function putRefused(refusal: PutRefusal, place: Place): Error {
  return parameterRefused(place, refusalOf(refusal, place));
}

/** Rotations alone write a secret under management. */
export function managedRefused(place: Place): Error {
  return parameterRefused(place, refusalOf('managed', place));
}

function refusalOf(refusal: PutRefusal, { parameter, environment }: Place): ValueFault {
  switch (refusal) {
    case 'managed':
      return {
        finding: 'it is a secret under management, which rotations write',
        cure: `Rotate it: keyturn rotate ${parameter} --env ${environment} --reason "…". Its first version is put with --current.`,
      };
    case 'exists':
      return { finding: 'it is there already', cure: 'Give --overwrite to put a new version.' };
    case 'type':
      return { finding: 'its type is another', cure: 'Leave out --type, or delete the parameter and put it anew.' };
    case 'untyped':
      return { finding: 'a new one needs a type', cure: 'Give --type SecureString, String or StringList.' };
    case 'immutable':
      return { finding: 'its tag keyturn:immutable is true', cure: 'Put another parameter; this one stays.' };
    case 'downgrade':
      return { finding: 'it is in the advanced tier, and there is no way back', cure: 'Leave out --tier.' };
    case 'size':
      return {
        finding: 'the value has more than 4096 bytes, which the standard tier does not hold',
        cure: 'Give --tier Advanced.',
      };
    case 'policies':
      return { finding: 'it has policies, which the standard tier does not hold', cure: 'Give --tier Advanced.' };
    case 'limit':
      return {
        finding: 'it has 100 versions, and the oldest has a label',
        cure: `Take that label off: keyturn store label ${parameter}:VERSION LABEL --remove --env ${environment}`,
      };
    default:
      return refusal satisfies never;
  }
}
